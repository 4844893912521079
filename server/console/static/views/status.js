import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { T } from '../texts.js';
import { day, time } from './moments.js';

const EVERY_MS = 5000;
const KEPT = 60; // five minutes
const LEAST = 12; // so that the first readings do not look like a long time
const [WIDE, HIGH] = [150, 34];

function figures(text) {
  const sums = {};
  for (const line of text.split('\n')) {
    const found = line.match(/^(\w+)(?:\{[^}]*\})? (\S+)$/);
    if (found && T.names[found[1]]) sums[found[1]] = (sums[found[1]] || 0) + Number(found[2]);
  }
  return sums;
}

// What a figure did lately: of what only grows, how much it grew from one reading to the next.
function Spark({ name, past }) {
  const values = past.map((sums) => sums[name] || 0);
  const grown = name.endsWith('_total') ? values.slice(1).map((value, index) => Math.max(0, value - values[index])) : values;
  if (grown.length < 2) return null;
  const top = Math.max(1, ...grown);
  const points = grown.map((value, index) => `${(index * WIDE) / (Math.max(LEAST, grown.length) - 1)},${HIGH - 2 - (value / top) * (HIGH - 4)}`).join(' ');
  return html`<svg class="spark" viewBox=${`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" aria-hidden="true"><polyline points=${points} /></svg>`;
}

function Figure({ name, value, past }) {
  return html`<div>${past && html`<${Spark} name=${name} past=${past} />`}<dt>${T.names[name] || name}</dt><dd>${typeof value === 'number' ? value.toLocaleString(T.locale) : value}</dd></div>`;
}

// How fast it may speak, and whether it may at all.
function Pace({ pace }) {
  if (!pace) return null;
  if (pace.stopped_seconds === null) return html`<p class="warning">${T.unpaced}</p>`;
  if (pace.stopped_seconds > 0) return html`<p class="warning">${T.stopped(Math.ceil(pace.stopped_seconds))}</p>`;
  return html`<p class="quiet">${T.pace(pace.per_second)}</p>`;
}

function Bot({ bot }) {
  if (!bot) return null;
  if (!bot.is_on) return html`<h2>${T.bot}</h2><p class="quiet">${T.botOff}</p>`;
  const { telegram } = bot;
  const numbers = ['waiting_updates', 'waiting_relays', 'unknown_relays', 'dead_updates'];
  const trouble = telegram?.error || telegram?.last_error;
  return html`<h2>${T.bot}</h2><p class=${telegram?.error ? 'warning' : 'quiet'}>${telegram?.username ? `@${telegram.username} · ` : ''}${T.modes[bot.mode] || bot.mode}
      ${bot.last_update_at ? ` · ${T.lastUpdate} ${day(bot.last_update_at)}, ${time(bot.last_update_at)}` : ''}${trouble ? ` · ${trouble}` : ''}</p>
    <${Pace} pace=${bot.pace} />
    <dl class="figures">${numbers.map((name) => html`<${Figure} key=${name} name=${name} value=${bot[name]} />`)}</dl>`;
}

function useReadings() {
  const [ready, setReady] = useState(null);
  const [bot, setBot] = useState(null);
  const [past, setPast] = useState([]);
  useEffect(() => {
    const read = async () => {
      try {
        setReady(await (await fetch('/health/ready')).json());
        const sums = figures(await (await fetch('/metrics')).text());
        setPast((known) => [...known, sums].slice(-KEPT));
        setBot(await api('GET', '/bot/status'));
      } catch (error) { setReady({ server: error.message }); }
    };
    read();
    const again = setInterval(read, EVERY_MS);
    return () => clearInterval(again);
  }, []);
  return { ready, bot, past };
}

export function Status() {
  const { ready, bot, past } = useReadings();
  const good = ready && Object.values(ready).every((word) => word === 'ready');
  return html`<main class="page" tabindex="0"><h1>${T.status}</h1>
    ${ready && html`<p class=${`verdict ${good ? 'good' : 'bad'}`} role="status">${good ? T.ready : T.notReady}</p>
      <dl class="parts">${Object.entries(ready).map(([name, word]) => html`<div key=${name}><dt>${T.parts[name] || name}</dt><dd>${word}</dd></div>`)}</dl>`}
    <${Bot} bot=${bot} />
    <h2>${T.figures}</h2><dl class="figures">${Object.entries(past.at(-1) || {}).map(([name, value]) => html`<${Figure} key=${name} name=${name} value=${value} past=${past} />`)}</dl>
    <p class="quiet">${T.refreshed}</p></main>`;
}
