// What was written and is not yet acknowledged. Kept in localStorage, sent again with the same client_id until it is.
import { api } from './keys.js';
import { change, state } from './state.js';

const RETRY_MS = 1500;
const key = () => `parley.outbox.${state.me.id}`;
const draftKey = (thread) => `parley.draft.${state.me.id}.${thread}`;
let running = false;

const read = () => JSON.parse(localStorage.getItem(key()) || '[]');
const write = (list) => { localStorage.setItem(key(), JSON.stringify(list)); change(); };
const without = (id) => write(read().filter((message) => message.client_id !== id));

export const waiting = (thread) => read().filter((message) => message.thread_id === thread);
export const draft = (thread) => localStorage.getItem(draftKey(thread)) || '';

export function keepDraft(thread, text) {
  if (text) localStorage.setItem(draftKey(thread), text); else localStorage.removeItem(draftKey(thread));
}

// Without a secure context there is no randomUUID.
const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export function post(thread_id, text, reply_to, onSent, payload) {
  write([...read(), { thread_id, text, reply_to, payload, client_id: newId(), at: new Date().toISOString() }]);
  flush(onSent);
}

export function retry(id) {
  write(read().map((message) => (message.client_id === id ? { ...message, refused: undefined } : message)));
  flush();
}

export const discard = without;

// One at a time and in order, so that what was typed first is also read first.
export async function flush(onSent) {
  if (running || !state.me) return;
  running = true;
  try {
    for (let message; (message = read().find((each) => !each.refused));) {
      try {
        const { thread_id, text, reply_to, client_id, payload } = message;
        const sent = await api('POST', '/chat/send', { thread_id, text, reply_to, client_id, payload });
        if (state.open?.id === thread_id) state.open.keep(sent);
        if (state.open?.notes?.id === thread_id) state.open.notes.keep(sent);
        without(client_id);
        onSent?.(sent);
      } catch (error) {
        if (error.status && !error.retryable && error.status !== 401) {
          write(read().map((each) => (each.client_id === message.client_id ? { ...each, refused: error.message } : each)));
        } else {
          setTimeout(flush, RETRY_MS);
          return;
        }
      }
    }
  } finally { running = false; }
}
