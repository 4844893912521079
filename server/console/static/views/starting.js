import { html, useState } from '../html.js';
import { api } from '../keys.js';
import { T } from '../texts.js';
import { Dialog } from './dialog.js';

const SOON_MS = 250;

function Found({ people, onSend }) {
  return html`<ul class="found">${people.map((person) => html`<li key=${person.id}><button type="button" class="plain" onClick=${() => onSend(person)}>
    <strong>${person.name || T.somebody}</strong> <span class="quiet">${T.sendTo}</span></button></li>`)}</ul>`;
}

// To one person, as a look at the real thing.
export function Trial({ campaign, reach, save }) {
  const [asking, setAsking] = useState(false);
  const [people, setPeople] = useState([]);
  const [said, setSaid] = useState(null);
  const [timer, setTimer] = useState(null);
  const begin = () => {
    setSaid(null);
    setPeople((reach?.sample || []).map(({ contact_id: id, name }) => ({ id, name })));
    setAsking(true);
  };
  const seek = (event) => {
    clearTimeout(timer);
    const q = event.target.value.trim();
    setTimer(setTimeout(() => api('GET', `/bot/contacts?limit=8${q ? `&q=${encodeURIComponent(q)}` : ''}`)
      .then((page) => setPeople(page.contacts)).catch((error) => setSaid({ fault: error.message })), SOON_MS));
  };
  const send = async (person) => {
    if (!await save()) { setSaid({ fault: T.notSaved }); return; }
    setSaid({ word: T.sending });
    api('POST', `/broadcast/campaign/${campaign.id}/test`, { contact_id: person.id })
      .then(({ state, reason }) => setSaid(state === 'sent' ? { word: T.testSent(person.name || T.somebody) } : { fault: `${T.outcomes[state]}: ${reason || ''}` }))
      .catch((error) => setSaid({ fault: error.message }));
  };
  return html`<button class="plain big" onClick=${begin}>${T.sendTest}</button>
    ${asking && html`<${Dialog} label=${T.sendTest} onClose=${() => setAsking(false)}><p class="quiet">${T.sendTestMore}</p>
      <input type="search" aria-label=${T.searchContacts} placeholder=${T.searchContacts} onInput=${seek} />
      <${Found} people=${people} onSend=${send} />
      ${said && html`<p role="status" class=${said.fault ? 'fault' : 'made'}>${said.fault || said.word}</p>`}
      <div class="row end"><button class="plain" onClick=${() => setAsking(false)}>${T.close}</button></div></${Dialog}>`}`;
}

// The number that is confirmed is the one that was read for this question, and the server holds it to that.
export function Start({ campaign, draft, reach, save, readReach, onStarted }) {
  const [count, setCount] = useState(null);
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const isNow = !draft.schedule.at && !draft.schedule.cron;
  const tell = (error) => setFault(error.message);
  const ask = async () => {
    setFault('');
    if (await save()) await readReach().then((reach) => setCount(reach.count)).catch(tell);
  };
  const start = () => {
    setBusy(true);
    api('POST', `/broadcast/campaign/${campaign.id}/start`, { confirm: count }).then(() => { setCount(null); onStarted(); })
      .catch((error) => { tell(error); return readReach().then((reach) => setCount(reach.count)); })
      .finally(() => setBusy(false));
  };
  return html`<button class="main big" onClick=${ask}>${isNow ? T.startNow(reach?.count) : T.startLater}</button>
    ${fault && count === null && html`<p class="fault" role="alert">${fault}</p>`}
    ${count !== null && html`<${Dialog} label=${T.confirm(draft.name)} onClose=${() => setCount(null)}>
      <p class="exactly"><strong>${count.toLocaleString(T.locale)}</strong> ${T.peopleCount(count)}</p>
      <p class="quiet">${isNow ? T.confirmNow : T.confirmLater}</p>
      ${fault && html`<p class="fault" role="alert">${fault}</p>`}
      <div class="row end"><button class="plain" onClick=${() => setCount(null)}>${T.no}</button>
        <button class="main" disabled=${busy || (isNow && !count)} onClick=${start}>${isNow ? T.sendToCount(count) : T.startLater}</button></div></${Dialog}>`}`;
}
