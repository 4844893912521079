// The button and the window, in a shadow root of their own. The page says how: data-title, data-greeting, data-api.
const WORDS = { open: 'Open the chat', close: 'Close the chat', write: 'Write a message', send: 'Send', gone: 'This message was deleted.',
  typing: (name) => `${name} is typing …`, offline: 'Connecting … what you write is kept.', unread: (n) => `${n} unread` };
const BUBBLE = 'M4 5h16a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4H4a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z';
const script = document.currentScript;

function make(tag, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  return made;
}

function icon() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', BUBBLE);
  path.setAttribute('fill', 'currentColor');
  svg.append(path);
  return svg;
}

function begin() {
  const { title = 'Chat', greeting = '', api = new URL(script.src).origin } = script.dataset;
  const host = make('parley-chat');
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet(); // no inline style: it holds under the strictest policy of the page around it
  sheet.replaceSync(LOOK);
  root.adoptedStyleSheets = [sheet];

  const badge = make('span', { className: 'badge', hidden: true });
  const button = make('button', { className: 'open', ariaLabel: WORDS.open, ariaExpanded: 'false' }, icon(), badge);
  const close = make('button', { type: 'button', ariaLabel: WORDS.close, textContent: '×' });
  const log = make('div', { className: 'log', role: 'log', ariaLabel: title, tabIndex: 0 });
  const note = make('div', { className: 'note', ariaLive: 'polite' });
  const area = make('textarea', { rows: 1, placeholder: WORDS.write, ariaLabel: WORDS.write });
  const form = make('form', {}, area, make('button', { textContent: WORDS.send }));
  const pane = make('section', { className: 'window', hidden: true, role: 'dialog', ariaLabel: title },
    make('header', {}, make('h2', { textContent: title }), close), log, note, form);
  root.append(button, pane); // the window lies over the button where it fills a phone
  document.body.append(host);

  let [drawn, oldest] = [-1, 0];
  const talk = new GuestTalk(api.replace(/\/$/, ''), draw);
  area.value = talk.kept.draft || '';

  // What the assistant offers, or whoever answers: a press says the button's words, an address is opened elsewhere.
  function keys(message) {
    const offered = message.deleted_at ? [] : (message.payload?.buttons || []).flat();
    const one = ({ text, url, data }) => (/^https?:/.test(url || '')
      ? make('a', { href: url, target: '_blank', rel: 'noopener noreferrer', textContent: text })
      : make('button', { type: 'button', textContent: text, onclick: () => { talk.post(text, data && { data }); area.focus(); } }));
    return offered.length ? [make('div', { className: 'keys' }, ...offered.map(one))] : [];
  }

  function draw() {
    const unread = talk.unread();
    badge.hidden = !unread || !pane.hidden;
    badge.textContent = unread;
    button.ariaLabel = unread ? `${WORDS.open}, ${WORDS.unread(unread)}` : WORDS.open;
    if (talk.version !== drawn) {
      drawn = talk.version;
      drawLines();
    }
    note.textContent = talk.refusal || (talk.client && talk.link !== 'up' ? WORDS.offline : talk.typing ? WORDS.typing(talk.typing) : '');
    if (!pane.hidden && document.visibilityState === 'visible') talk.seen();
  }

  // One stays where one reads: at the end, or at the same line though older ones come in above.
  function drawLines() {
    const lines = talk.list().flatMap((message) => [make('p', {
      className: `${message.author_id === talk.kept.me ? 'own' : ''}${message.deleted_at ? ' gone' : ''}`,
      textContent: message.deleted_at ? WORDS.gone : message.text,
    }), ...keys(message)]);
    const pending = talk.pending().map((message) => make('p', { className: 'own pending', textContent: message.text }));
    const [top, below] = [log.scrollTop, log.scrollHeight - log.scrollTop];
    const isOlder = talk.list()[0]?.number < oldest;
    oldest = talk.list()[0]?.number;
    log.replaceChildren(...(greeting && !talk.before ? [make('p', { textContent: greeting })] : []), ...lines, ...pending);
    if (below - log.clientHeight < 80) log.scrollTop = log.scrollHeight;
    else log.scrollTop = isOlder ? log.scrollHeight - below : top;
  }

  function show(isOpen) {
    pane.hidden = !isOpen;
    button.ariaExpanded = String(isOpen);
    if (isOpen) { area.focus(); if (talk.kept.thread) talk.start(); } else button.focus();
    draw();
    log.scrollTop = log.scrollHeight;
  }

  function send(event) {
    event.preventDefault();
    if (!area.value.trim()) return;
    talk.refusal = '';
    talk.post(area.value);
    area.value = '';
    talk.keep({ draft: '' });
    log.scrollTop = log.scrollHeight;
  }

  button.addEventListener('click', () => show(pane.hidden));
  log.addEventListener('scroll', () => { if (log.scrollTop < 200) talk.earlier(); });
  close.addEventListener('click', () => show(false));
  form.addEventListener('submit', send);
  area.addEventListener('input', () => { talk.keep({ draft: area.value }); talk.types(); });
  area.addEventListener('keydown', (event) => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event); });
  root.addEventListener('keydown', (event) => { if (event.key === 'Escape' && !pane.hidden) show(false); });
  if (talk.kept.thread) talk.start(); // who was here before hears answers from the first moment
  draw();
}

if (document.body) begin(); else addEventListener('DOMContentLoaded', begin);
