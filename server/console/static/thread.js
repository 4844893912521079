// One open conversation: some of its messages by number, live and from history, who is here, who types.
//
// However long it is, no more than MOST messages are held, without a hole between them: whoever scrolls up lets go of the
// newest, and has them again on the way down.
import { api } from './keys.js';
import { listen, say } from './live.js';
import { waiting } from './outbox.js';
import { change, state } from './state.js';

const PAGE = 50;
const MOST = 300;
const TYPING_MS = 4000;
const AGAIN_MS = 1000;
let lastTyped = 0;

export class Conversation {
  constructor(thread) {
    Object.assign(this, {
      id: thread.id, thread, messages: new Map(), here: new Map(), typing: new Map(), whole: false, newest: 0, notes: null,
    });
    this.line = listen(`thread:${thread.id}`, {
      publication: ({ data }) => this.heard(data),
      subscribed: (context) => this.subscribed(context),
      join: ({ info }) => this.came(info),
      leave: ({ info }) => { this.here.delete(info.client); change(); },
    }, { joinLeave: true });
  }

  async subscribed({ recovered }) {
    if (!recovered) await this.read();
    const clients = await this.line.presence().catch(() => []);
    this.here.clear();
    clients.forEach((info) => this.came(info));
  }

  came(info) {
    this.here.set(info.client, info.user);
    if (info.connInfo?.name) state.names.set(info.user, info.connInfo.name);
    change();
  }

  async page(where = '') {
    if (this.reading) return null;
    this.reading = true;
    const page = await api('GET', `/chat/history?thread_id=${this.id}&limit=${PAGE}${where}`).catch(() => null);
    this.reading = false;
    return page;
  }

  // The newest ones; what was held stays where it joins on.
  async read() {
    clearTimeout(this.again);
    const page = await this.page();
    if (!page) {
      if (!this.isClosed) this.again = setTimeout(() => this.read(), AGAIN_MS);
      return;
    }
    const oldest = page.messages[0]?.number || 0;
    if (oldest > this.last() + 1) this.messages.clear();
    if (!this.messages.size || oldest <= this.first()) this.whole = !page.before;
    page.messages.forEach((message) => this.keep(message));
    this.newest = Math.max(this.newest, this.last());
    this.loaded = true;
    this.forget(true);
    change();
    this.seen();
  }

  async earlier() {
    if (this.whole || !this.messages.size) return;
    const page = await this.page(`&before=${this.first()}`);
    if (!page) return;
    page.messages.forEach((message) => this.keep(message));
    this.whole = !page.before;
    this.forget(false);
    change();
  }

  async later() {
    if (this.isAtEnd()) return;
    const page = await this.page(`&after=${this.last()}`);
    if (!page) return;
    page.messages.forEach((message) => this.keep(message));
    if (page.messages.length < PAGE) this.newest = this.last();
    this.forget(true);
    change();
    this.seen();
  }

  // From wherever one reads to the newest one.
  async toEnd() {
    if (this.isAtEnd()) return;
    this.messages.clear();
    await this.read();
  }

  isAtEnd() { return this.last() >= this.newest; }

  forget(oldest) {
    const extra = this.messages.size - MOST;
    if (extra <= 0) return;
    const list = this.list();
    (oldest ? list.slice(0, extra) : list.slice(-extra)).forEach((message) => this.messages.delete(message.id));
    if (oldest) this.whole = false;
  }

  // News of what is not held waits where it is, in the history.
  take(message) {
    const wasAtEnd = this.isAtEnd();
    this.newest = Math.max(this.newest, message.number);
    const isBeyond = message.number > this.last() ? !wasAtEnd : message.number < this.first();
    if (isBeyond && !this.messages.has(message.id)) return;
    this.keep(message);
    this.forget(true);
  }

  heard(data) {
    if (!data.type) {
      this.take(data);
      this.typing.delete(data.author_id);
      this.seen();
    } else if (data.type === 'typing' && data.user_id !== state.me.id) {
      clearTimeout(this.typing.get(data.user_id));
      state.names.set(data.user_id, data.name);
      this.typing.set(data.user_id, setTimeout(() => { this.typing.delete(data.user_id); change(); }, TYPING_MS));
    } else if (data.type === 'changed') {
      api('GET', `/chat/threads/${this.id}`).then((thread) => { this.thread = thread; change(); }).catch(() => {});
    }
    change();
  }

  keep(message) {
    const known = this.messages.get(message.id);
    if (!known || message.offset > known.offset) this.messages.set(message.id, message);
  }

  first() { return Math.min(...[...this.messages.values()].map((message) => message.number)); }

  last() { return Math.max(0, ...[...this.messages.values()].map((message) => message.number)); }

  list() { return [...this.messages.values()].sort((a, b) => a.number - b.number); }

  pending() {
    const said = new Set(this.list().map((message) => message.client_id));
    return waiting(this.id).filter((message) => !said.has(message.client_id));
  }

  seen() {
    const number = this.last();
    if (document.visibilityState !== 'visible' || number <= (this.marked || 0)) return;
    this.marked = number;
    api('POST', `/chat/threads/${this.id}/read`, { number }).then(({ unread }) => {
      const listed = state.threads.get(this.id);
      if (listed) { listed.unread = unread; change(); }
    }).catch(() => { this.marked = 0; });
  }

  types() {
    if (Date.now() - lastTyped < 2000) return;
    lastTyped = Date.now();
    say({ type: 'typing', thread_id: this.id });
  }

  async alter(method, path, body) {
    this.keep(await api(method, path, body));
    change();
  }

  edit(message, text) { return this.alter('PATCH', `/chat/message/${message.id}`, { text }); }

  remove(message) { return this.alter('DELETE', `/chat/message/${message.id}`); }

  sendAgain(message) { return api('POST', `/bot/messages/${message.id}/send`); }

  react(message, emoji) {
    const mine = message.reactions[emoji]?.includes(state.me.id);
    return this.alter(mine ? 'DELETE' : 'PUT', `/chat/message/${message.id}/reactions/${encodeURIComponent(emoji)}`);
  }

  async set(part) {
    this.thread = await api('PATCH', `/chat/threads/${this.id}`, part);
    state.threads.set(this.id, this.thread);
    change();
  }

  async openNotes() {
    if (this.notes) return;
    this.notes = new Conversation(await api('POST', `/chat/threads/${this.id}/notes`));
    change();
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.again);
    this.line.end();
    this.notes?.close();
  }
}
