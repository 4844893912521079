// The list of conversations: pages of REST, kept in order by what the inbox channel says.
import { api } from './keys.js';
import { listen } from './live.js';
import { change, state } from './state.js';
import { T } from './texts.js';

const RENEW_MS = 150; // several changes of one thread are one reading
const UNKNOWN = '…';
const planned = new Set();
let reading = 0;
let inbox = null;

const query = (box) => ({
  waiting: 'status=open', mine: 'status=open&mine=true', all: 'status=open', archived: 'status=archived',
}[box]);

export async function readInbox(more = false) {
  const number = ++reading;
  if (!more) change({ next: null });
  const cursor = more && state.next ? `&cursor=${encodeURIComponent(state.next)}` : '';
  const page = await api('GET', `/chat/threads?limit=50&${query(state.box)}${cursor}`).catch(() => null);
  if (number !== reading || !page) return;
  const threads = more ? new Map(state.threads) : new Map();
  page.threads.filter(isShown).forEach((thread) => threads.set(thread.id, thread));
  change({ threads, next: page.next, loaded: true });
  page.threads.filter(isNameless).forEach(learnNames);
}

// A thread without a subject is named after who opened it: of the others nobody has to be asked for.
const isNameless = (thread) => title(thread) === UNKNOWN;

const isShown = (thread) => thread.kind !== 'notes';

export function choose(box) {
  change({ box, threads: new Map(), loaded: false });
  readInbox();
}

// Who waits: whom the assistant handed over, and where the last word is the visitor's, or that of the person outside.
function waits({ last_message: last, created_by: opener, waiting_since: since }) {
  if (since) return true;
  if (!last) return false;
  return last.author_kind === 'contact' || (opener !== null && last.author_id === opener && opener !== state.me.id);
}

export function shown() {
  const asked = state.query.trim().toLowerCase();
  return [...state.threads.values()]
    .filter((thread) => thread.status === (state.box === 'archived' ? 'archived' : 'open'))
    .filter((thread) => state.box !== 'waiting' || waits(thread) || thread.id === state.open?.id)
    .filter((thread) => state.box !== 'mine' || thread.capability || thread.handled_by === state.me.id)
    .filter((thread) => !state.tag || thread.tags.includes(state.tag))
    .filter((thread) => !state.language || thread.last_message?.language === state.language)
    .filter((thread) => !asked || `${title(thread)} ${thread.last_message?.text || ''}`.toLowerCase().includes(asked))
    .sort((a, b) => b.active_at.localeCompare(a.active_at));
}

export function title(thread) {
  return thread.subject || thread.slug?.match(/^room:(.*)/)?.[1] || state.names.get(thread.created_by) || UNKNOWN;
}

export async function renew(id) {
  const thread = await api('GET', `/chat/threads/${id}`).catch(() => null);
  if (!thread || !isShown(thread)) return null;
  // A page of "mine" holds what one belongs to, and news alone do not say that.
  if (state.threads.has(id) || (state.box !== 'mine' || thread.capability || thread.handled_by === state.me.id)) state.threads.set(id, thread);
  if (state.open?.id === id) state.open.thread = thread;
  if (isNameless(thread) || state.open?.id === id) learnNames(thread);
  change();
  return thread;
}

function plan(id) {
  if (planned.has(id)) return;
  planned.add(id);
  setTimeout(() => { planned.delete(id); renew(id); }, RENEW_MS);
}

const asked = new Set();

export async function learnNames(thread) {
  const key = `${thread.id}`;
  if (asked.has(key)) return;
  asked.add(key);
  const members = await api('GET', `/chat/threads/${thread.id}/members`).catch(() => { asked.delete(key); return []; });
  members.forEach((member) => state.names.set(member.user_id, member.name));
  change();
}

export function news(data) {
  if (data.type === 'notice') change({ notice: data });
  if (data.type === 'unread' || data.type === 'joined' || data.type === 'thread') plan(data.thread_id);
}

export function watch() {
  inbox?.end();
  inbox = listen('inbox', {
    publication: ({ data }) => news(data),
    subscribed: () => {
      readInbox(); // news are kept nowhere: after every absence the list is read anew
      colleagues().then((people) => people.forEach((name, id) => state.names.set(id, name)));
    },
  });
}

// Operators who are here now, by id: whoever has a console open listens to the inbox.
export async function colleagues() {
  const clients = await inbox.presence().catch(() => []);
  return new Map(clients.map((info) => [info.user, info.connInfo?.name || T.somebody]));
}

export function unwatch() { inbox?.end(); inbox = null; }
