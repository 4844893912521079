import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { leftOf } from '../plans.js';
import { go } from '../route.js';
import { T } from '../texts.js';
import { Deliveries } from './deliveries.js';
import { Dialog } from './dialog.js';
import { Editor } from './editor.js';
import { day, time } from './moments.js';
import { Pill } from './pill.js';
import { Bar, Chart, Legend, Presses, useLive } from './progress.js';

const ACTS = ['pause', 'resume', 'extend', 'retry'];
const FINAL = ['cancel', 'delete'];

function moment(at) { return `${day(at)}, ${time(at)}`; }

function useActs(campaign, onAnew, tell) {
  const path = `/broadcast/campaign/${campaign.id}`;
  const post = (name, body) => api('POST', `${path}/${name}`, body).then(onAnew).catch(tell);
  return {
    pause: () => post('pause'), resume: () => post('resume'), extend: () => post('extend'), retry: () => post('retry', { failed: true }),
    cancel: () => post('cancel'), delete: () => api('DELETE', path).then(() => go('campaigns')).catch(tell),
    clone: () => api('POST', `${path}/clone`).then(({ id }) => go('campaigns', id)).catch(tell),
  };
}

function Acts({ campaign, run, onAnew, tell }) {
  const [asking, setAsking] = useState('');
  const acts = useActs(campaign, onAnew, tell);
  const isSensible = (name) => (name !== 'retry' || run?.counts.failed) && campaign.allows.includes(name);
  return html`<div class="acting">
    ${ACTS.filter(isSensible).map((name) => html`<button key=${name} class=${name === 'pause' || name === 'resume' ? 'main' : 'plain'} onClick=${acts[name]}>${T.acts[name]}</button>`)}
    <button class="plain" onClick=${acts.clone}>${T.acts.clone}</button>
    ${FINAL.filter(isSensible).map((name) => html`<button key=${name} class="plain" onClick=${() => setAsking(name)}>${T.acts[name]}</button>`)}
    ${asking && html`<${Dialog} label=${T.sure[asking]} onClose=${() => setAsking('')}><p>${T.sureMore[asking]}</p>
      <div class="row end"><button class="plain" onClick=${() => setAsking('')}>${T.no}</button>
      <button class="main danger" onClick=${() => { acts[asking](); setAsking(''); }}>${T.acts[asking]}</button></div></${Dialog}>`}</div>`;
}

function Events({ campaign }) {
  const [events, setEvents] = useState([]);
  useEffect(() => { api('GET', `/broadcast/campaign/${campaign.id}/events`).then(setEvents).catch(() => {}); }, [campaign.state, campaign.changed_at]);
  if (!events.length) return null;
  // What is written is saved while it is written: of several changes in a row the last one is news.
  const told = events.filter((event, place) => event.act !== 'changed' || events[place - 1]?.act !== 'changed' || events[place - 1].by !== event.by);
  return html`<section><h2>${T.history}</h2><ol class="events">${told.map((event) => html`<li key=${event.id}>
    <time datetime=${event.at}>${moment(event.at)}</time><span>${T.happened[event.act] || event.act}${event.detail && event.act !== 'changed' ? `: ${event.detail}` : ''}</span></li>`)}</ol></section>`;
}

function Report({ campaign, run }) {
  const left = leftOf(run.counts);
  return html`<section class="panel" aria-label=${T.progress}>
      <${Bar} name=${campaign.name} run=${run} /><${Legend} counts=${run.counts} /><${Chart} campaign=${campaign} run=${run} /><${Presses} campaign=${campaign} run=${run} />
      ${campaign.state === 'paused' && left > 0 && html`<p class="quiet">${T.pausedMore(left)}</p>`}</section>
    <${Deliveries} campaign=${campaign} run=${run} />`;
}

export function Campaign({ id }) {
  const [campaign, setCampaign] = useState(null);
  const [fault, setFault] = useState('');
  const tell = (error) => setFault(error.message);
  const read = () => api('GET', `/broadcast/campaign/${id}`).then((now) => { setCampaign(now); setFault(''); }).catch(tell);
  useEffect(() => { read(); }, [id]);
  const run = useLive(campaign, read);
  const back = html`<a class="up" href="#/campaigns">‹ ${T.campaigns}</a>`;
  if (!campaign) return html`<main class="page wide">${back}${fault ? html`<p class="fault" role="alert">${fault}</p>` : html`<p class="quiet">${T.loading}</p>`}</main>`;
  const isOpen = campaign.allows.includes('change');
  return html`<main class="page wide">${back}
    <header class="head"><div class="named"><h1>${campaign.name}</h1><${Pill} campaign=${campaign} /></div>
      <${Acts} campaign=${campaign} run=${run} onAnew=${read} tell=${tell} /></header>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${campaign.why && html`<p class="warning" role="status">${T.why}: ${campaign.why}</p>`}
    ${campaign.next_at && html`<p class="made" role="status">${T.nextAt(moment(campaign.next_at))}</p>`}
    ${run && html`<${Report} campaign=${campaign} run=${run} />`}
    ${isOpen && html`<${Editor} key=${campaign.id} campaign=${campaign} onAnew=${read} />`}
    <${Events} campaign=${campaign} /></main>`;
}
