import { html, useEffect, useRef, useState } from '../html.js';
import { api, sentText } from '../keys.js';
import { T } from '../texts.js';
import { brief } from './moments.js';

const SOON_MS = 250;
const EXAMPLE = 'chat_id,name,language,tags\n4711,Ada,de,customer;early\n';

function Outcome({ said }) {
  const numbers = [['created', said.created], ['updated', said.updated], ['unchanged', said.unchanged], ['refused', said.refused.length]];
  return html`<div class="made" role="status"><h2>${T.imported}</h2>
    <dl class="inrow">${numbers.map(([name, count]) => html`<div key=${name}><dd>${count.toLocaleString(T.locale)}</dd><dt>${T.importCounts[name]}</dt></div>`)}</dl>
    ${said.stopped_at && html`<p class="fault">${T.importStopped(said.stopped_at)}</p>`}
    ${said.refused.length > 0 && html`<ul class="refused" tabindex="0" aria-label=${T.importCounts.refused}>${said.refused.slice(0, 100).map((each) => html`<li key=${each.line}><b>${T.line(each.line)}</b> ${each.reason}</li>`)}</ul>`}</div>`;
}

function Import({ onDone }) {
  const [said, setSaid] = useState(null);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState('');
  const take = (event) => {
    const file = event.target.files[0];
    event.target.value = '';
    if (!file) return;
    setBusy(true);
    setFault('');
    setSaid(null);
    sentText('/bot/imports', file, 'text/csv').then((outcome) => { setSaid(outcome); onDone(); })
      .catch((error) => setFault(error.message)).finally(() => setBusy(false));
  };
  return html`<section class="panel" aria-label=${T.importContacts}><h2>${T.importContacts}</h2><p class="quiet">${T.importMore}</p>
    <code class="block">${EXAMPLE}</code>
    <label class=${`filing${busy ? ' busy' : ''}`}>${busy ? T.importing : T.chooseFile}<input type="file" accept=".csv,text/csv" disabled=${busy} onChange=${take} /></label>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}${said && html`<${Outcome} said=${said} />`}</section>`;
}

function Person({ contact }) {
  const notes = [contact.language, contact.opted_out && T.optedOut, contact.blocked && T.hasBlocked].filter(Boolean);
  return html`<li><a class="words" href=${`#/inbox/${contact.thread_id}`}><strong>${contact.name || T.somebody}</strong><span class="quiet">${[contact.chat_id ?? T.onTheWeb, ...notes].join(' · ')}</span></a>
    <span class="tags">${contact.tags.map((tag) => html`<i key=${tag}>${tag}</i>`)}</span>
    <span class="quiet">${contact.seen_at ? brief(contact.seen_at) : T.neverWrote}</span></li>`;
}

function useContacts(tell) {
  const [asked, setAsked] = useState({ q: '', tag: '' });
  const [page, setPage] = useState(null);
  const number = useRef(0);
  const read = (cursor) => {
    const now = ++number.current;
    const wanted = new URLSearchParams({ limit: 50, ...(asked.q && { q: asked.q }), ...(asked.tag && { tag: asked.tag }), ...(cursor && { cursor }) });
    return api('GET', `/bot/contacts?${wanted}`).then((found) => {
      if (now === number.current) setPage((known) => (cursor ? { ...found, contacts: [...known.contacts, ...found.contacts] } : found));
    }).catch(tell);
  };
  useEffect(() => { const soon = setTimeout(read, SOON_MS); return () => clearTimeout(soon); }, [asked]);
  return { asked, setAsked, page, read };
}

export function Contacts() {
  const [fault, setFault] = useState('');
  const [tags, setTags] = useState([]);
  const { asked, setAsked, page, read } = useContacts((error) => setFault(error.message));
  const readTags = () => api('GET', '/bot/tags').then(setTags).catch(() => {});
  useEffect(() => { readTags(); }, []);
  return html`<main class="page"><header class="head"><div><h1>${T.contacts}</h1><p class="quiet">${T.contactsMore}</p></div></header>
    <${Import} onDone=${() => { read(); readTags(); }} />
    <div class="seek"><input type="search" aria-label=${T.searchContacts} placeholder=${T.searchContacts} onInput=${(event) => setAsked({ ...asked, q: event.target.value.trim() })} />
      <select aria-label=${T.tag} onChange=${(event) => setAsked({ ...asked, tag: event.target.value })}><option value="">${T.allTags}</option>
        ${tags.map(({ tag, count }) => html`<option key=${tag} value=${tag}>${tag} (${count})</option>`)}</select></div>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${page && !page.contacts.length && html`<p class="empty">${asked.q || asked.tag ? T.nothingHere : T.noContacts}</p>`}
    <ul class="rows">${(page?.contacts || []).map((contact) => html`<${Person} key=${contact.id} contact=${contact} />`)}</ul>
    ${page?.next && html`<button class="more" onClick=${() => read(page.next)}>${T.more}</button>`}</main>`;
}
