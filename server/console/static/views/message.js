import { html, useState } from '../html.js';
import { state } from '../state.js';
import { T } from '../texts.js';
import { Attachment } from './file.js';
import { time } from './moments.js';

const EMOJI = ['👍', '❤️', '🎉', '👀'];

function Words({ text }) {
  const parts = text.split(/(https?:\/\/[^\s<>"]+)/);
  return parts.map((part, index) => (index % 2 ? html`<a href=${part} target="_blank" rel="noopener noreferrer">${part}</a>` : part));
}

function Rewording({ message, talk, done }) {
  const [text, setText] = useState(message.text);
  const [fault, setFault] = useState('');
  const save = async (event) => {
    event.preventDefault();
    try { await talk.edit(message, text); done(); } catch (error) { setFault(error.message); }
  };
  return html`<form class="reword" onSubmit=${save} onKeyDown=${(event) => event.key === 'Escape' && done()}>
    <textarea aria-label=${T.edit} value=${text} onInput=${(event) => setText(event.target.value)} ref=${(area) => area?.focus()}></textarea>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    <button class="main">${T.save}</button><button type="button" onClick=${done}>${T.cancel}</button></form>`;
}

function Reactions({ message, talk, tell }) {
  const made = Object.entries(message.reactions);
  if (!made.length) return null;
  return html`<div class="reactions">${made.map(([emoji, people]) => html`<button key=${emoji} aria-pressed=${people.includes(state.me.id)}
    aria-label=${`${emoji} ${people.length}`} onClick=${() => talk.react(message, emoji).catch(tell)}>${emoji} ${people.length}</button>`)}</div>`;
}

// The buttons below it, which are for the other side to press.
function Offered({ rows }) {
  if (!Array.isArray(rows)) return null;
  return html`<p class="offered" aria-label=${T.buttonsBelow}>${rows.flat().map((button, index) => html`<span key=${index}>${button.text}</span>`)}</p>`;
}

// How far a message is that goes on to somebody outside.
function Fate({ message, talk, tell }) {
  const fate = T.fates[message.status];
  if (!fate || message.deleted_at) return null;
  const why = message.payload?.delivery;
  return html`<p class="fate">${fate}${why ? `: ${why}` : ''}
    ${['failed', 'blocked', 'unknown'].includes(message.status)
      && html`<button onClick=${() => talk.sendAgain(message).catch(tell)}>${T.sendAgain}</button>`}</p>`;
}

function nameOf(message, talk) {
  if (message.author_id === state.me.id) return T.you;
  if (message.author_kind === 'contact') return message.payload?.sender?.name || talk.thread.subject;
  return { assistant: T.assistant, system: T.product }[message.author_kind] || state.names.get(message.author_id) || T.somebody;
}

export function Message({ message, talk, onReply, follows }) {
  const [rewording, setRewording] = useState(false);
  const [fault, setFault] = useState('');
  const tell = (error) => setFault(error.message);
  const isMine = message.author_id === state.me.id;
  const name = nameOf(message, talk);
  const answered = message.reply_to && talk.messages.get(message.reply_to);
  const classes = `message${isMine ? ' own' : ''}${follows ? ' follows' : ''}`;
  if (rewording) return html`<li class=${classes}><${Rewording} message=${message} talk=${talk} done=${() => setRewording(false)} /></li>`;
  return html`<li class=${classes} id=${`m${message.number}`}>
    ${!follows && html`<p class="by"><strong>${name}</strong><time datetime=${message.created_at}>${time(message.created_at)}</time></p>`}
    <div class="said">
      ${answered && html`<p class="quote">${answered.deleted_at ? T.deleted : answered.text}</p>`}
      <${Attachment} message=${message} tell=${tell} />
      ${message.deleted_at ? html`<p class="gone">${T.deleted}</p>` : message.text && html`<p><${Words} text=${message.text} /></p>`}
      ${message.edited_at && !message.deleted_at && html`<small>${T.edited}</small>`}
    </div>
    <${Offered} rows=${message.payload?.buttons} />
    <${Fate} message=${message} talk=${talk} tell=${tell} />
    <${Reactions} message=${message} talk=${talk} tell=${tell} />
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${!message.deleted_at && html`<div class="acts">
      ${EMOJI.map((emoji) => html`<button key=${emoji} aria-label=${`${T.react} ${emoji}`} onClick=${() => talk.react(message, emoji).catch(tell)}>${emoji}</button>`)}
      <button onClick=${() => onReply(message)}>${T.reply}</button>
      ${isMine && html`<button onClick=${() => setRewording(true)}>${T.edit}</button>
        <button onClick=${() => talk.remove(message).catch(tell)}>${T.remove}</button>`}</div>`}
  </li>`;
}
