import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js';
import { renew, title } from '../inbox.js';
import { api, sendUp } from '../keys.js';
import { discard, draft, keepDraft, post, retry } from '../outbox.js';
import { change, state } from '../state.js';
import { T } from '../texts.js';
import { Face } from './inbox.js';
import { Message } from './message.js';
import { day } from './moments.js';

const NEAR_PX = 120;
const PHOTOS = ['image/png', 'image/jpeg', 'image/webp'];
const FOLLOWS_MS = 300_000;

// The view keeps its place when older messages come in above, and follows the end when one is there.
function useScroll(talk) {
  const box = useRef(null);
  const kept = useRef({ first: 0, height: 0, end: true });
  useLayoutEffect(() => {
    const at = box.current;
    if (!at) return;
    const first = talk.list()[0]?.number || 0;
    if (kept.current.end) at.scrollTop = at.scrollHeight;
    else if (first < kept.current.first) at.scrollTop += at.scrollHeight - kept.current.height;
    kept.current.first = first;
    kept.current.height = at.scrollHeight;
  });
  const scrolled = () => {
    const at = box.current;
    kept.current.end = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_PX;
    kept.current.height = at.scrollHeight;
    if (at.scrollTop < NEAR_PX * 2) talk.earlier();
  };
  return [box, scrolled, () => { kept.current.end = true; }];
}

function Pending({ message }) {
  return html`<li class="message own pending"><div class="said"><p>${message.text}</p></div>
    <p class="fate">${message.refused ? html`<span class="fault" role="alert">${T.notSent}: ${message.refused}</span>
      <button onClick=${() => retry(message.client_id)}>${T.retry}</button>
      <button onClick=${() => discard(message.client_id)}>${T.discard}</button>` : T.sending}</p></li>`;
}

function Messages({ talk, onReply }) {
  let before = null;
  return talk.list().map((message) => {
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
    setText('');
    keepDraft(talk.id, '');
    setReply(null);
  };
  const typed = (event) => {
    setText(event.target.value);
    keepDraft(talk.id, event.target.value);
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
      <p class="edge">${talk.whole ? T.beginning : T.earlier}</p>
      <ol><${Messages} talk=${talk} onReply=${setReply} />
        ${talk.pending().map((message) => html`<${Pending} key=${message.client_id} message=${message} />`)}</ol></div>
    <p class="typing" aria-live="polite">${names ? T.typing(names) : ''}</p>
    <${Composer} talk=${talk} reply=${reply} setReply=${setReply} isNote=${isNote} toEnd=${toEnd} /></div>`;
}

function Tags({ talk }) {
  const [editing, setEditing] = useState(false);
  if (!editing) {
    return html`<button class="tags" onClick=${() => setEditing(true)} aria-label=${T.editTags}>
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

export function Thread() {
  const talk = state.open;
  const [aside, setAside] = useState(false);
  if (!talk) {
    return html`<main class="thread none"><img src="/console/mark.svg" alt="" width="56" height="56" /><h2>${T.choose}</h2><p>${T.chooseMore}</p></main>`;
  }
  const { thread } = talk;
  const isHere = [...talk.here.values()].some((user) => user === thread.created_by);
  const isArchived = thread.status === 'archived';
  const back = () => { talk.close(); change({ open: null }); };
  const notes = () => { talk.openNotes().then(() => setAside(!aside)).catch(() => {}); };
  const isMine = thread.handled_by === state.me.id;
  const handle = () => api('POST', `/chat/threads/${thread.id}/${isMine ? 'release' : 'take'}`).then(() => renew(thread.id)).catch(() => {});
  return html`<main class="thread"><header>
      <button class="back" aria-label=${T.back} onClick=${back}>‹</button>
      <${Face} id=${thread.created_by} name=${title(thread)} />
      <div class="who"><h2>${title(thread)}</h2><p class=${isHere ? 'here' : 'quiet'}>${isHere ? T.here : T.away}</p></div>
      <${Tags} talk=${talk} /><span class="fill"></span>
      ${thread.kind === 'support' && html`<button onClick=${handle}>${isMine ? T.release : T.take}</button>`}
      ${thread.kind === 'support' && html`<button aria-pressed=${aside} onClick=${notes}>${T.notes}</button>`}
      <button onClick=${() => talk.set({ status: isArchived ? 'open' : 'archived' }).catch(() => {})}>${isArchived ? T.reopen : T.archive}</button>
    </header>
    ${aside && talk.notes ? html`<p class="hint">${T.notesHint}</p><${Talk} key="notes" talk=${talk.notes} isNote=${true} />`
      : html`<${Talk} key="talk" talk=${talk} />`}</main>`;
}
