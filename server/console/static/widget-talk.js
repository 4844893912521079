// A guest's conversation: keys kept in localStorage, what was written sent until it is acknowledged.
const RETRY_MS = 1500;
const PAGE = 100;

class GuestTalk {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange, messages: new Map(), typing: '', link: 'connecting', store: `parley.guest.${api}`, version: 0 });
    this.kept = this.stored();
  }

  stored() { return { outbox: [], ...JSON.parse(localStorage.getItem(this.store) || '{}') }; }

  // Other tabs of the same guest write here, too: what they have kept stays.
  keep(part) {
    this.kept = { ...this.stored(), ...part };
    localStorage.setItem(this.store, JSON.stringify(this.kept));
  }

  keepOutbox(change) {
    this.keep({ outbox: change(this.stored().outbox) });
    this.changed();
  }

  changed() { this.version += 1; this.onChange(); }

  async ask(method, path, body, token) {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(this.api + path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(15000) });
    const said = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(said.detail), { status: answer.status });
    return said;
  }

  take(said) {
    this.access = said.access_token;
    this.until = Date.now() + (said.expires_in - 30) * 1000;
    this.keep({ refresh: said.refresh_token, me: said.user.id });
    return this.access;
  }

  // One renewal at a time, over all tabs where the browser has locks: a refresh token is good once.
  renew() {
    const work = async () => {
      this.kept.refresh = this.stored().refresh || this.kept.refresh;
      if (!this.kept.refresh) return this.take(await this.ask('POST', '/auth/guest', {}));
      try {
        return this.take(await this.ask('POST', '/auth/refresh', { refresh_token: this.kept.refresh }));
      } catch (error) {
        if (error.status !== 401) throw error;
        localStorage.setItem(this.store, JSON.stringify({ outbox: this.stored().outbox })); // a new guest, with what is unsent
        this.messages.clear();
        return this.take(await this.ask('POST', '/auth/guest', {}));
      }
    };
    this.renewing ??= (navigator.locks ? navigator.locks.request(this.store, work) : work()).finally(() => { this.renewing = null; });
    return this.renewing;
  }

  async token() { return this.access && Date.now() < this.until ? this.access : this.renew(); }

  async start() {
    if (this.client || this.starting) return;
    this.starting = true;
    try {
      const token = await this.token();
      if (!this.kept.thread) this.keep({ thread: (await this.ask('POST', '/chat/threads', {}, token)).id });
      this.connect(token);
      this.flush();
    } catch { setTimeout(() => this.start(), RETRY_MS); } finally { this.starting = false; }
  }

  connect(token) {
    this.client = new Centrifuge(`${this.api.replace(/^http/, 'ws')}/connection/websocket`,
      { token, getToken: () => this.renew(), minReconnectDelay: 200, maxReconnectDelay: 3000 });
    this.client.on('connected', () => { this.link = 'up'; this.onChange(); this.flush(); });
    this.client.on('connecting', () => { this.link = 'connecting'; this.onChange(); });
    const line = this.client.newSubscription(`thread:${this.kept.thread}`, { joinLeave: true });
    line.on('publication', ({ data }) => this.heard(data));
    line.on('subscribed', ({ recovered }) => { if (!recovered) this.read(); });
    line.subscribe();
    this.client.connect();
  }

  async page(where = '') {
    return this.ask('GET', `/chat/history?thread_id=${this.kept.thread}&limit=${PAGE}${where}`, undefined, await this.token());
  }

  async read() {
    try {
      const page = await this.page();
      if ((page.messages[0]?.number || 0) > (this.list().at(-1)?.number || 0) + 1) this.messages.clear(); // no hole between
      page.messages.forEach((message) => this.put(message));
      if (page.messages[0]?.number === this.list()[0]?.number) this.before = page.before;
      this.changed();
    } catch { setTimeout(() => this.read(), RETRY_MS); }
  }

  async earlier() {
    if (!this.before || this.reading) return;
    this.reading = true;
    const page = await this.page(`&before=${this.before}`).catch(() => null);
    this.reading = false;
    if (!page) return;
    page.messages.forEach((message) => this.put(message));
    this.before = page.before;
    this.changed();
  }

  heard(data) {
    if (!data.type) {
      this.put(data);
      this.typing = '';
      this.version += 1;
    } else if (data.type === 'typing' && data.user_id !== this.kept.me) {
      this.typing = data.name;
      clearTimeout(this.fading);
      this.fading = setTimeout(() => { this.typing = ''; this.onChange(); }, 4000);
    }
    this.onChange();
  }

  put(message) { if (message.offset > (this.messages.get(message.id)?.offset ?? 0)) this.messages.set(message.id, message); }

  list() { return [...this.messages.values()].sort((a, b) => a.number - b.number); }

  pending() {
    const said = new Set(this.list().map((message) => message.client_id));
    return this.kept.outbox.filter((message) => !said.has(message.client_id));
  }

  unread() {
    const read = Math.max(this.kept.read || 0, this.marked || 0);
    return this.list().filter((message) => message.number > read && message.author_id !== this.kept.me).length;
  }

  // Kept when the server knows it, too; else it is said again.
  seen() {
    const number = this.list().at(-1)?.number || 0;
    if (number <= Math.max(this.kept.read || 0, this.marked || 0)) return;
    this.marked = number;
    this.token().then((token) => this.ask('POST', `/chat/threads/${this.kept.thread}/read`, { number }, token))
      .then(() => this.keep({ read: number })).catch(() => setTimeout(() => { this.marked = 0; this.onChange(); }, RETRY_MS));
  }

  types() {
    if (Date.now() - (this.typed || 0) < 2000 || !this.client) return;
    this.typed = Date.now();
    this.client.send({ type: 'typing', thread_id: this.kept.thread }).catch(() => {});
  }

  post(text, payload) {
    const client_id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join('-');
    this.keepOutbox((outbox) => [...outbox, { text, client_id, ...(payload && { payload }) }]);
    this.start();
    this.flush();
  }

  async flush() {
    if (this.flushing || !this.kept.thread) return;
    this.flushing = true;
    while (this.kept.outbox.length) {
      const message = this.kept.outbox[0];
      try {
        this.put(await this.ask('POST', '/chat/send', { ...message, thread_id: this.kept.thread }, await this.token()));
      } catch (error) {
        if (!error.status || error.status === 401 || error.status === 429 || error.status >= 500) {
          setTimeout(() => this.flush(), RETRY_MS);
          break;
        }
        this.refusal = error.message; // it can never be taken as it is
      }
      this.keepOutbox((outbox) => outbox.filter((each) => each.client_id !== message.client_id));
    }
    this.flushing = false;
  }
}
