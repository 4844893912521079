import { html, useEffect, useState } from '../html.js';
import { T } from '../texts.js';

const EVERY_MS = 5000;

function figures(text) {
  const sums = {};
  for (const line of text.split('\n')) {
    const found = line.match(/^(\w+)(?:\{[^}]*\})? (\S+)$/);
    if (found && T.names[found[1]]) sums[found[1]] = (sums[found[1]] || 0) + Number(found[2]);
  }
  return sums;
}

export function Status() {
  const [ready, setReady] = useState(null);
  const [sums, setSums] = useState({});
  useEffect(() => {
    const read = async () => {
      try {
        setReady(await (await fetch('/health/ready')).json());
        setSums(figures(await (await fetch('/metrics')).text()));
      } catch (error) { setReady({ server: error.message }); }
    };
    read();
    const again = setInterval(read, EVERY_MS);
    return () => clearInterval(again);
  }, []);
  const good = ready && Object.values(ready).every((word) => word === 'ready');
  return html`<main class="page"><h1>${T.status}</h1>
    ${ready && html`<p class=${`verdict ${good ? 'good' : 'bad'}`} role="status">${good ? T.ready : T.notReady}</p>
      <dl class="parts">${Object.entries(ready).map(([name, word]) => html`<div key=${name}><dt>${name}</dt><dd>${word}</dd></div>`)}</dl>`}
    <h2>${T.figures}</h2><dl class="figures">${Object.entries(sums).map(([name, value]) => html`<div key=${name}><dt>${T.names[name]}</dt><dd>${value.toLocaleString('en')}</dd></div>`)}</dl>
    <p class="quiet">${T.refreshed}</p></main>`;
}
