import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js';
import { colleagues, renew, title } from '../inbox.js';
import { api, sendUp } from '../keys.js';
import { discard, draft, keepDraft, post, retry } from '../outbox.js';
import { go } from '../route.js';
import { change, state } from '../state.js';
import { T } from '../texts.js';
import { About } from './about.js';
import { Dialog } from './dialog.js';
import { Face } from './inbox.js';
import { Message } from './message.js';
import { day } from './moments.js';

const NEAR_PX = 120;
const AHEAD_PX = 600; // older and newer messages are asked for before one gets there
const PHOTOS = ['image/png', 'image/jpeg', 'image/webp'];
const FOLLOWS_MS = 300_000;
const HANDLED = ['support', 'telegram'];

// The view keeps its place when messages come and go above, and follows the end when one is there.
function useScroll(talk) {
  const box = useRef(null);
  const kept = useRef({ end: true, anchor: null, top: 0 });
  const remember = () => {
    const top = box.current.getBoundingClientRect().top;
    kept.current.anchor = [...box.current.querySelectorAll('li.message')].find((item) => item.getBoundingClientRect().bottom > top);
    kept.current.top = kept.current.anchor?.getBoundingClientRect().top;
  };
  useLayoutEffect(() => {
    const { end, anchor, top } = kept.current;
    if (!box.current) return;
    if (end && talk.isAtEnd()) box.current.scrollTop = box.current.scrollHeight;
    else if (anchor?.isConnected) box.current.scrollTop += anchor.getBoundingClientRect().top - top;
    remember();
  });
  const scrolled = () => {
    const below = box.current.scrollHeight - box.current.scrollTop - box.current.clientHeight;
    kept.current.end = below < NEAR_PX;
    remember();
    if (box.current.scrollTop < AHEAD_PX) talk.earlier();
    if (below < AHEAD_PX) talk.later();
  };
  const toEnd = () => {
    kept.current.end = true;
    return talk.toEnd();
  };
  return [box, scrolled, toEnd];
}

function Pending({ message }) {
  return html`<li class="message own pending"><div class="said"><p>${message.text}</p></div>
    <p class="fate">${message.refused ? html`<span class="fault" role="alert">${T.notSent}: ${message.refused}</span>
      <button onClick=${() => retry(message.client_id)}>${T.retry}</button>
      <button onClick=${() => discard(message.client_id)}>${T.discard}</button>` : T.sending}</p></li>`;
}

function Messages({ talk, onReply }) {
  let before = null;
  return talk.list().flatMap((message) => {
    const newDay = !before || day(before.created_at) !== day(message.created_at);
    const follows = !newDay && before.author_id === message.author_id && !message.reply_to
      && new Date(message.created_at) - new Date(before.created_at) < FOLLOWS_MS;
    before = message;
    return [newDay && html`<li class="day" key=${`day${message.number}`}><span>${day(message.created_at)}</span></li>`,
      html`<${Message} key=${message.id} message=${message} talk=${talk} onReply=${onReply} follows=${follows} />`];
  });
}

function Composer({ talk, reply, setReply, isNote, toEnd }) {
  const area = useRef(null);
  const [text, setText] = useState(() => draft(talk.id));
  const [file, setFile] = useState(null);
  const [fault, setFault] = useState('');
  const isSending = useRef(false);
  useEffect(() => { if (reply) area.current.focus(); }, [reply]);
  const write = (words) => {
    setText(words);
    keepDraft(talk.id, words);
  };
  talk.compose = (words) => {
    write(text.trim() ? `${text.trimEnd()}\n\n${words}` : words);
    area.current.focus();
  };
  const send = async (event) => {
    event?.preventDefault();
    if ((!text.trim() && !file) || isSending.current) return;
    setFault('');
    let payload;
    if (file) {
      isSending.current = true;
      try {
        payload = { type: PHOTOS.includes(file.type) ? 'photo' : 'document', file_name: file.name, file: await sendUp(talk.id, file) };
      } catch (error) { setFault(error.message); return; } finally { isSending.current = false; }
    }
    toEnd();
    post(talk.id, text, reply?.id, () => change(), payload);
    setFile(null);
    write('');
    setReply(null);
  };
  const typed = (event) => {
    write(event.target.value);
    talk.types();
  };
  const pressed = (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
    if (event.key === 'Escape') setReply(null);
  };
  const label = isNote ? T.writeNote : T.write;
  return html`<form class="composer" onSubmit=${send}>
    ${reply && html`<p class="quote">${T.replying}: ${reply.text}<button type="button" onClick=${() => setReply(null)}>${T.cancel}</button></p>`}
    ${file && html`<p class="quote">${T.attached}: ${file.name}<button type="button" onClick=${() => setFile(null)}>${T.cancel}</button></p>`}
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    <label class="attach">+<input type="file" aria-label=${T.attach} onChange=${(event) => { setFile(event.target.files[0] || null); event.target.value = ''; }} /></label>
    <textarea ref=${area} rows="1" aria-label=${label} placeholder=${label} value=${text} onInput=${typed} onKeyDown=${pressed}></textarea>
    <button class="main">${T.send}</button></form>`;
}

function Talk({ talk, isNote }) {
  const [reply, setReply] = useState(null);
  const [box, scrolled, toEnd] = useScroll(talk);
  const names = [...talk.typing.keys()].map((id) => state.names.get(id) || T.somebody).join(', ');
  return html`<div class="talk">
    <div class="scroll" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-label=${isNote ? T.notes : T.messages}>
      ${talk.whole ? html`<p class="edge">${T.beginning}</p>`
    : html`<button class="plain edge" onClick=${() => talk.earlier()}>${T.earlier}</button>`}
      <ol><${Messages} talk=${talk} onReply=${setReply} />
        ${talk.pending().map((message) => html`<${Pending} key=${message.client_id} message=${message} />`)}</ol></div>
    ${!talk.isAtEnd() && html`<button class="plain newest" onClick=${toEnd}>${T.toNewest}</button>`}
    <p class="typing" aria-live="polite">${names ? T.typing(names) : ''}</p>
    <${Composer} talk=${talk} reply=${reply} setReply=${setReply} isNote=${isNote} toEnd=${toEnd} /></div>`;
}

function Tags({ talk }) {
  const [editing, setEditing] = useState(false);
  if (!editing) {
    return html`<button class="tags" onClick=${() => setEditing(true)}><span class="sr">${T.editTags} </span>
      ${talk.thread.tags.length ? talk.thread.tags.map((tag) => html`<i key=${tag}>${tag}</i>`) : html`<i>+ ${T.tag}</i>`}</button>`;
  }
  const save = (event) => {
    event.preventDefault();
    const tags = event.target.elements.tags.value.split(/[\s,]+/).filter(Boolean);
    talk.set({ tags }).then(() => setEditing(false)).catch(() => {});
  };
  return html`<form class="tagging" onSubmit=${save}><input name="tags" aria-label=${T.tagsHint} placeholder=${T.tagsHint}
    defaultValue=${talk.thread.tags.join(' ')} ref=${(input) => input?.focus()} /><button>${T.save}</button></form>`;
}

// Who looks after it: oneself, a colleague, the assistant, or nobody yet.
function Handling({ talk }) {
  const [asking, setAsking] = useState(false);
  const [fault, setFault] = useState('');
  const { id, handled_by: by } = talk.thread;
  const isMine = by === state.me.id;
  const act = (name, body) => api('POST', `/chat/threads/${id}/${name}`, body).then((thread) => {
    setAsking(false);
    setFault('');
    if (thread?.id) { talk.thread = thread; change(); }
    return renew(id);
  }).catch((error) => setFault(error.message));
  return html`${!by && html`<button class="main" onClick=${() => act('take')}>${T.take}</button>`}
    ${isMine && html`<button class="plain" onClick=${() => act('release')}>${T.release}</button>`}
    <button class="plain" onClick=${() => setAsking(true)}>${T.transfer}</button>
    ${asking && html`<${Transfer} by=${by} fault=${fault} onClose=${() => setAsking(false)} onChosen=${(user_id) => act('transfer', { user_id })} />`}
    ${fault && !asking && html`<${Dialog} label=${T.broken} onClose=${() => setFault('')}><p role="alert">${fault}</p>
      <div class="row end"><button class="plain" onClick=${() => setFault('')}>${T.close}</button></div></${Dialog}>`}`;
}

function Transfer({ by, fault, onClose, onChosen }) {
  const [people, setPeople] = useState(null);
  useEffect(() => { colleagues().then(setPeople); }, []);
  const others = [...(people || [])].filter(([id]) => id !== by);
  return html`<${Dialog} label=${T.transferTo} onClose=${onClose}><p class="quiet">${T.transferMore}</p>
    <ul class="found">${others.map(([id, name]) => html`<li key=${id}><button class="plain" onClick=${() => onChosen(id)}>
      <strong>${name}</strong> <span class="quiet">${id === state.me.id ? T.you : T.here}</span></button></li>`)}</ul>
    ${people && !others.length && html`<p class="quiet">${T.nobodyElse}</p>`}
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    <div class="row end"><button class="plain" onClick=${onClose}>${T.cancel}</button></div></${Dialog}>`;
}

function Bar({ talk, here, aside, setAside }) {
  const { thread } = talk;
  const isArchived = thread.status === 'archived';
  const isHandled = HANDLED.includes(thread.kind);
  const notes = () => { talk.openNotes().then(() => setAside(aside === 'notes' ? '' : 'notes')).catch(() => {}); };
  const name = title(thread);
  return html`<header><button class="back" aria-label=${T.back} onClick=${() => go('inbox')}>‹</button>
    <${Face} id=${thread.created_by} name=${name} />
    <div class="who"><h2>${name}</h2><p class=${here ? 'here' : 'quiet'}>${here ? T.here : T.away}</p></div>
    <${Tags} talk=${talk} /><span class="fill"></span>
    <div class="acting">${isHandled && !isArchived && html`<${Handling} talk=${talk} />`}
      ${isHandled && html`<button aria-pressed=${aside === 'notes'} onClick=${notes}>${T.notes}</button>`}
      <button onClick=${() => talk.set({ status: isArchived ? 'open' : 'archived' }).catch(() => {})}>${isArchived ? T.reopen : T.archive}</button>
      ${isHandled && html`<button aria-pressed=${aside === 'about'} onClick=${() => setAside(aside === 'about' ? '' : 'about')}>${T.about}</button>`}</div></header>`;
}

export function Thread() {
  const talk = state.open;
  const [aside, setAside] = useState(matchMedia('(min-width: 1280px)').matches ? 'about' : '');
  if (!talk) {
    return html`<main class="thread none"><img src="/console/mark.svg" alt="" width="56" height="56" /><h2>${T.choose}</h2><p>${T.chooseMore}</p></main>`;
  }
  const here = [...talk.here.values()].some((user) => user === talk.thread.created_by);
  const use = (words) => {
    if (matchMedia('(max-width: 1080px)').matches) setAside(''); // the conversation is behind it
    setTimeout(() => talk.compose(words));
  };
  const hasAbout = aside === 'about' && HANDLED.includes(talk.thread.kind);
  return html`<main class="thread"><${Bar} talk=${talk} here=${here} aside=${aside} setAside=${setAside} />
    <div class="sheets"><div class="sheet">${aside === 'notes' && talk.notes ? html`<p class="hint">${T.notesHint}</p><${Talk} key="notes" talk=${talk.notes} isNote=${true} />`
    : html`<${Talk} key="talk" talk=${talk} />`}</div>
    ${hasAbout && html`<${About} talk=${talk} onUse=${use} />`}</div></main>`;
}
