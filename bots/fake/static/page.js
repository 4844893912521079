// Somebody on Telegram, as the fake shows it. All that is known comes from /page/state, whenever it changes.
import { entitled } from '/entities.js';

const byId = (id) => document.getElementById(id);
const picked = () => state.chats.find((chat) => chat.id === chosen);
let state = { version: 0, chats: [] };
let chosen = Number(sessionStorage.getItem('chosen')) || null;
let doing = null; // { kind: 'reply' | 'reword', line }

function made(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

async function ask(deed, body) {
  const answer = await fetch(`/page/${deed}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!answer.ok) byId('state').textContent = (await answer.json()).error;
}

function choose(id) {
  chosen = id;
  sessionStorage.setItem('chosen', id);
  undo();
  show();
}

function undo() {
  doing = null;
  byId('doing').hidden = true;
}

function undertake(kind, line) {
  doing = { kind, line };
  byId('doing').hidden = false;
  byId('doing').querySelector('span').textContent = `${kind === 'reply' ? 'Answer to' : 'Instead of'}: ${line.text || line.kind}`;
  if (kind === 'reword') byId('say').elements.text.value = line.text;
  byId('say').elements.text.focus();
}

function fileOf(line) {
  if (line.kind === 'photo') return made('img', { src: `/page/files/${line.file_id}`, alt: line.file_name || 'Photo' });
  if (line.kind === 'document') return made('a', { href: `/page/files/${line.file_id}`, download: line.file_name || 'file' }, `📄 ${line.file_name || 'Document'}`);
  return null;
}

function buttonOf(line, button) {
  if (button.url) return made('a', { href: button.url, target: '_blank', rel: 'noopener noreferrer' }, button.text);
  return made('button', { type: 'button', onclick: () => ask('press', { chat_id: chosen, message_id: line.message_id, data: button.callback_data }) }, button.text);
}

function lineOf(line, chat) {
  const answered = chat.lines.find((other) => other.message_id === line.reply_to);
  const mine = line.is_own && line.kind === 'text';
  return made('li', { class: line.is_own ? 'own' : null },
    line.reply_to ? made('p', { class: 'quote' }, answered ? answered.text || answered.kind : '…') : null,
    fileOf(line),
    line.text ? made('p', {}, ...entitled(line.text, line.entities)) : null,
    line.is_edited ? made('small', {}, 'edited') : null,
    ...line.buttons.map((row) => made('div', { class: 'row' }, ...row.map((button) => buttonOf(line, button)))),
    made('div', { class: 'acts' },
      made('button', { type: 'button', onclick: () => undertake('reply', line) }, 'Reply'),
      mine ? made('button', { type: 'button', onclick: () => undertake('reword', line) }, 'Edit') : null));
}

function show() {
  byId('people').replaceChildren(...state.chats.map((chat) => made('li', {},
    made('button', { type: 'button', 'aria-current': chat.id === chosen, onclick: () => choose(chat.id) }, chat.is_blocked ? `${chat.name} (has blocked the bot)` : chat.name))));
  const chat = picked();
  document.querySelector('main').hidden = !chat;
  if (!chat) return;
  byId('who').textContent = chat.name;
  byId('block').textContent = chat.is_blocked ? 'Unblock the bot' : 'Block the bot';
  byId('fault').value = chat.faults ? byId('fault').value : '';
  byId('state').textContent = chat.toast ? `The bot says: ${chat.toast}` : '';
  const lines = byId('lines');
  const isAtEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 80;
  lines.replaceChildren(...chat.lines.map((line) => lineOf(line, chat)),
    ...(chat.draft === null ? [] : [made('li', { class: 'draft' }, made('p', {}, chat.draft))]));
  if (isAtEnd) lines.scrollTop = lines.scrollHeight;
}

async function sizeOf(file) {
  if (!file.type.startsWith('image/')) return {};
  try { const { width, height } = await createImageBitmap(file); return { width, height }; } catch { return {}; }
}

async function sendFile(file, caption) {
  const asked = new URLSearchParams({ chat_id: chosen, name: file.name, caption, ...await sizeOf(file) });
  const answer = await fetch(`/page/files?${asked}`, { method: 'POST', headers: { 'content-type': file.type || 'application/octet-stream' }, body: file });
  if (!answer.ok) byId('state').textContent = (await answer.json()).error;
}

byId('say').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text, file } = event.target.elements;
  const [words, chosenFile, meant] = [text.value, file.files[0], doing];
  if (!words.trim() && !chosenFile) return;
  event.target.reset();
  undo();
  if (chosenFile) await sendFile(chosenFile, words);
  else if (meant?.kind === 'reword') await ask('reword', { chat_id: chosen, message_id: meant.line.message_id, text: words });
  else await ask('say', { chat_id: chosen, text: words, reply_to: meant ? meant.line.message_id : null });
});

byId('say').elements.text.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId('say').requestSubmit();
  }
});

byId('doing').querySelector('button').addEventListener('click', undo);
byId('block').addEventListener('click', () => ask('block', { chat_id: chosen, is_blocked: !picked().is_blocked }));
byId('fault').addEventListener('change', (event) => event.target.value && ask('fault', { chat_id: chosen, fault: event.target.value }));

byId('enter').addEventListener('submit', async (event) => {
  event.preventDefault();
  const name = event.target.elements.name.value.trim();
  event.target.reset();
  await ask('people', { name });
  await look(0);
  const found = state.chats.find((chat) => chat.name === name);
  if (found) choose(found.id);
});

async function look(seen) {
  const answer = await fetch(`/page/state?seen=${seen}`);
  state = await answer.json();
  show();
}

for (;;) {
  try { await look(state.version); } catch {
    byId('state').textContent = 'This Telegram is away; trying again …';
    await new Promise((done) => { setTimeout(done, 1000); });
  }
}
