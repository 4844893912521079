import { html } from '../html.js';
import { change, state } from '../state.js';
import { T } from '../texts.js';

const HIDDEN = 'parley.started';

export function Start() {
  if (localStorage.getItem(HIDDEN)) return null;
  const line = `<script src="${location.origin}/widget.js" async></script>`;
  return html`<aside class="start" aria-label=${T.start}><h2>${T.start}</h2>
    <ol><li>${T.startMe(state.me.name, state.me.role)}</li>
      <li>${T.startDemo} <a href="/demo" target="_blank" rel="noopener">${T.startDemoLink}</a></li>
      <li>${T.startAnswer}</li><li>${T.startSite}<code>${line}</code></li></ol>
    <button onClick=${() => { localStorage.setItem(HIDDEN, '1'); change(); }}>${T.startDone}</button></aside>`;
}
