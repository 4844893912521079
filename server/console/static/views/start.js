import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { change, state } from '../state.js';
import { T } from '../texts.js';

const HIDDEN = 'parley.started';
const AGAIN_MS = 10_000;

function Step({ done, children }) {
  return html`<li class=${done ? 'done' : ''}><span class="tickmark" aria-hidden="true">${done ? '✓' : ''}</span><span>${children}${done && html`<span class="sr"> ${T.done}</span>`}</span></li>`;
}

function useBot() {
  const [bot, setBot] = useState(null);
  useEffect(() => {
    const read = () => api('GET', '/bot/status').then(setBot).catch(() => {});
    read();
    const again = setInterval(read, AGAIN_MS);
    return () => clearInterval(again);
  }, []);
  return bot;
}

function Telegram({ bot }) {
  if (!bot) return T.loading;
  if (!bot.is_on) return html`${T.startTelegram} <code>TELEGRAM=fake python3 dev.py run</code> ${T.startToken} <code>TELEGRAM_TOKEN=…</code>`;
  return bot.mode === 'fake' ? T.startFake : T.startBot(bot.telegram?.username);
}

function Steps() {
  const bot = useBot();
  const threads = [...state.threads.values()];
  const line = `<script src="${location.origin}/widget.js" async></script>`;
  const hasAnswered = threads.some((thread) => thread.handled_by === state.me.id || thread.last_message?.author_id === state.me.id);
  return html`<ol><${Step} done=${true}>${T.startMe(state.me.name, T.roles[state.me.role])}</${Step}>
    <${Step} done=${threads.length > 0}>${T.startDemo} <a href="/demo" target="_blank" rel="noopener">${T.startDemoLink}</a></${Step}>
    <${Step} done=${hasAnswered}>${T.startAnswer}</${Step}>
    <${Step} done=${Boolean(bot?.is_on)}><${Telegram} bot=${bot} /></${Step}>
    <${Step}><a href="#/campaigns">${T.startCampaign}</a></${Step}>
    ${state.me.role === 'admin' && html`<${Step}><a href="#/people">${T.startInvite}</a></${Step}>`}
    <${Step}>${T.startSite}<code>${line}</code></${Step}></ol>`;
}

export function Start() {
  if (localStorage.getItem(HIDDEN)) return null;
  return html`<section class="start" aria-label=${T.start}><h2>${T.start}</h2><${Steps} />
    <button onClick=${() => { localStorage.setItem(HIDDEN, '1'); change(); }}>${T.startDone}</button></section>`;
}
