import { html } from '../html.js';
import { choose, learnNames, readInbox, shown, title } from '../inbox.js';
import { api } from '../keys.js';
import { go } from '../route.js';
import { change, state } from '../state.js';
import { T } from '../texts.js';
import { Conversation } from '../thread.js';
import { Icon } from './icons.js';
import { brief } from './moments.js';
import { Start } from './start.js';

const BOXES = ['waiting', 'mine', 'all', 'archived'];
const HUES = 6;

export function Face({ id, name }) {
  const hue = [...(id || '')].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % HUES;
  return html`<span class=${`face hue${hue}`} aria-hidden="true">${(name || '?').trim().slice(0, 1).toUpperCase()}</span>`;
}

// The conversation that the address names is the one that is open; one that is not there, or not ours, is left.
export async function follow() {
  const { item, me, place } = state;
  if (place !== 'inbox' || !me || me.role === 'user' || (state.open?.id || '') === item) return;
  const thread = item && (state.threads.get(item) || await api('GET', `/chat/threads/${item}`).catch(() => null));
  if (state.item !== item || state.place !== 'inbox') return;
  state.open?.close();
  change({ open: thread ? new Conversation(thread) : null });
  if (thread) learnNames(thread); else if (item) go('inbox');
}

function Line({ thread }) {
  const last = thread.last_message;
  const typing = state.open?.id === thread.id && state.open.typing.size > 0;
  const words = !last ? T.nobodyYet : last.deleted_at ? T.deleted : last.text || (last.kind !== 'text' ? T.file : '');
  return html`<li><button class="line" aria-current=${state.open?.id === thread.id ? 'true' : undefined} onClick=${() => go('inbox', thread.id)}>
    <${Face} id=${thread.created_by} name=${title(thread)} />
    <span class="words"><strong>${title(thread)}</strong>
      <span class="last">${typing ? T.typing(title(thread)) : `${last?.author_id === state.me.id ? `${T.you}: ` : ''}${words}`}</span>
      ${thread.handled_by && html`<span class="held">${thread.handled_by === state.me.id ? T.yours : T.heldBy(state.names.get(thread.handled_by) || T.somebody)}</span>`}
      ${thread.waiting_since && html`<span class="held calls">${T.waitsSince(brief(thread.waiting_since))}</span>`}
      ${thread.tags.length > 0 && html`<span class="tags">${thread.tags.map((tag) => html`<i key=${tag}>${tag}</i>`)}</span>`}</span>
    <span class="side"><span class="when">${thread.kind === 'telegram' && html`<${Icon} name="telegram" size="14" />`}${last && html`<time datetime=${thread.active_at}>${brief(thread.active_at)}</time>`}</span>
      ${thread.unread > 0 && html`<b class="badge" aria-label=${T.unread(thread.unread)}>${thread.unread > 99 ? '99+' : thread.unread}</b>`}</span>
  </button></li>`;
}

function Choice({ label, name, all, values, say = (value) => value }) {
  if (!values.length && !state[name]) return null;
  return html`<select aria-label=${label} value=${state[name]} onChange=${(event) => change({ [name]: event.target.value })}>
    <option value="">${all}</option>${values.map((value) => html`<option key=${value} value=${value}>${say(value)}</option>`)}</select>`;
}

export function Inbox() {
  const threads = shown();
  const tags = [...new Set([...state.threads.values()].flatMap((thread) => thread.tags))].sort();
  const languages = [...new Set([...state.threads.values()].map((thread) => thread.last_message?.language).filter(Boolean))].sort();
  return html`<section class="inbox" aria-label=${T.inbox}>
    <header><h1>${T.inbox}</h1>
      <div class="boxes" role="group" aria-label=${T.conversations}>${BOXES.map((box) => html`<button key=${box} aria-pressed=${state.box === box}
        onClick=${() => choose(box)}>${T[box]}</button>`)}</div>
      <div class="seek"><input type="search" aria-label=${T.search} placeholder=${T.search} value=${state.query}
        onInput=${(event) => change({ query: event.target.value })} />
      <${Choice} label=${T.tag} name="tag" all=${T.allTags} values=${tags} />
      <${Choice} label=${T.language} name="language" all=${T.allLanguages} values=${languages} say=${T.languageName} /></div>
    </header>
    ${!threads.length && html`<${Start} />`}
    <ul class="lines">${threads.map((thread) => html`<${Line} key=${thread.id} thread=${thread} />`)}</ul>
    ${state.loaded && !threads.length && html`<p class="empty">${state.box === 'waiting' ? T.nothingWaiting : T.nothingHere}</p>`}
    ${state.next && html`<button class="more" onClick=${() => readInbox(true)}>${T.more}</button>`}
    ${threads.length > 0 && html`<${Start} />`}
  </section>`;
}
