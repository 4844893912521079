// The console: who is signed in, which place is shown.
import { html, render, useEffect } from './html.js';
import { watch, unwatch, news } from './inbox.js';
import { api, isKept, signOut, whenEnded } from './keys.js';
import { connect, disconnect } from './live.js';
import { flush } from './outbox.js';
import { go, read as readAddress } from './route.js';
import { change, state, whenChanged } from './state.js';
import { T } from './texts.js';
import { Articles } from './views/articles.js';
import { Campaigns } from './views/campaigns.js';
import { Contacts } from './views/contacts.js';
import { Icon } from './views/icons.js';
import { follow, Inbox } from './views/inbox.js';
import { People } from './views/people.js';
import { SignIn } from './views/signin.js';
import { Status } from './views/status.js';
import { Thread } from './views/thread.js';
import { Tokens } from './views/tokens.js';

const PLACES = {
  inbox: T.inbox, campaigns: T.campaigns, contacts: T.contacts, articles: T.articles,
  people: T.people, keys: T.keys, status: T.status,
};

function enter(me) {
  state.names.set(me.id, me.name);
  change({ me, booting: false });
  if (me.role === 'user') return;
  connect(news);
  watch();
  flush();
  follow();
}

// Back from elsewhere, the conversation is still open; once more, and the list is shown.
const visit = (place) => go(place, place === 'inbox' && state.place !== 'inbox' ? state.open?.id : '');

function leave() {
  unwatch();
  state.open?.close();
  disconnect();
  change({ me: null, open: null, threads: new Map(), notice: null, link: 'connecting', booting: false });
}

async function boot() {
  if (!isKept()) { change({ booting: false }); return; }
  try {
    enter(await api('GET', '/auth/me'));
  } catch (error) {
    if (error.status === 401) leave(); else setTimeout(boot, 1500); // the server is away: the keys are still good
  }
}

function Link() {
  if (state.link === 'up') return html`<p class="link sr" role="status">${T.back_online}</p>`;
  return html`<p class="link" role="status">${state.wasUp ? T.offline : T.connecting}</p>`;
}

// A campaign that stopped by itself: whoever is here should know, wherever they are.
function Notice() {
  if (!state.notice) return null;
  const { campaign_id: id, name, why } = state.notice;
  const close = () => change({ notice: null });
  return html`<div class="link notice" role="alert"><a href=${`#/campaigns/${id}`} onClick=${close}>${T.noticed(name, why)}</a>
    <button class="plain" onClick=${close}>${T.close}</button></div>`;
}

function Rail() {
  const places = Object.keys(PLACES).filter((place) => place !== 'people' || state.me.role === 'admin');
  return html`<nav class="rail" aria-label=${T.menu}>
    <a class="mark" href="/" aria-label=${T.product}><img src="/console/mark.svg" alt="" width="30" height="30" /></a>
    ${places.map((place) => html`<button key=${place} aria-current=${state.place === place ? 'page' : undefined}
      onClick=${() => visit(place)}><${Icon} name=${place} />${PLACES[place]}</button>`)}
    <span class="fill"></span>
    <button onClick=${async () => { leave(); go('inbox'); await signOut(); }}><${Icon} name="out" />${T.signOut}</button>
  </nav>`;
}

function Place() {
  if (state.place === 'campaigns') return html`<${Campaigns} />`;
  if (state.place === 'articles') return html`<${Articles} />`;
  if (state.place === 'contacts') return html`<${Contacts} />`;
  if (state.place === 'people') return html`<${People} />`;
  if (state.place === 'keys') return html`<${Tokens} />`;
  if (state.place === 'status') return html`<${Status} />`;
  return html`<div class=${`desk${state.open ? ' reading' : ''}`}><${Inbox} /><${Thread} key=${state.open?.id} /></div>`;
}

function App() {
  useEffect(() => { document.title = state.me ? `${PLACES[state.place] || T.inbox} · ${T.product}` : T.product; });
  if (state.booting) return html`<main class="lone"><p>${T.loading}</p></main>`;
  if (!state.me) return html`<${SignIn} onIn=${enter} />`;
  if (state.me.role === 'user') {
    return html`<main class="lone"><h1>${T.product}</h1><p>${T.operatorsOnly}</p>
      <button class="main" onClick=${async () => { await signOut(); leave(); }}>${T.signOut}</button></main>`;
  }
  return html`<div class="house"><${Rail} /><div class="room"><${Link} /><${Notice} /><${Place} /></div></div>`;
}

const root = document.getElementById('app');
whenChanged(() => {
  if (state.link === 'up') state.wasUp = true;
  render(html`<${App} />`, root);
});
whenEnded(leave);
window.addEventListener('hashchange', () => { readAddress(); follow(); });
window.addEventListener('online', () => flush());
document.addEventListener('visibilitychange', () => state.open?.seen());
readAddress();
boot();
