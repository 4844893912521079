import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { ownZone } from '../plans.js';
import { go } from '../route.js';
import { state } from '../state.js';
import { T } from '../texts.js';
import { Campaign } from './campaign.js';
import { date, day } from './moments.js';
import { Pill } from './pill.js';
import { Bar, useLive } from './progress.js';

const MOVING = ['scheduled', 'running', 'paused']; // of the others nothing is to be heard
const FIRST = {
  content: { variants: { en: { text: T.firstWords } }, fallback_language: 'en', defaults: { name: T.friend } },
  schedule: { zone: ownZone() },
};

function Line({ campaign, onAnew }) {
  const heard = useLive(MOVING.includes(campaign.state) ? campaign : null, onAnew);
  const run = heard || campaign.run;
  return html`<li><a class="tile" href=${`#/campaigns/${campaign.id}`}>
    <span class="top"><strong>${campaign.name}</strong><${Pill} campaign=${campaign} /><span class="fill"></span>
      <span class="quiet">${day(campaign.run?.started_at || campaign.changed_at)}</span></span>
    ${campaign.why && html`<span class="fault">${campaign.why}</span>`}
    ${run && html`<${Bar} name=${campaign.name} run=${run} />`}</a></li>`;
}

function List() {
  const [campaigns, setCampaigns] = useState(null);
  const [next, setNext] = useState(null);
  const [fault, setFault] = useState('');
  const tell = (error) => setFault(error.message);
  const read = (before) => api('GET', `/broadcast/campaign${before ? `?before=${before}` : ''}`).then((page) => {
    setCampaigns((known) => (before ? [...known, ...page.campaigns] : page.campaigns));
    setNext(page.next);
  }).catch(tell);
  const renew = (id) => api('GET', `/broadcast/campaign/${id}`)
    .then((now) => setCampaigns((known) => known.map((each) => (each.id === id ? now : each)))).catch(() => {});
  useEffect(() => { read(); }, []);
  const make = () => api('POST', '/broadcast/campaign', { name: T.newName(date(Date.now())), ...FIRST })
    .then(({ id }) => go('campaigns', id)).catch(tell);
  return html`<main class="page wide"><header class="head"><div><h1>${T.campaigns}</h1><p class="quiet">${T.campaignsMore}</p></div>
      <button class="main" onClick=${make}>${T.newCampaign}</button></header>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${campaigns && !campaigns.length && html`<div class="blank"><h2>${T.noCampaigns}</h2><p>${T.noCampaignsMore}</p></div>`}
    <ul class="tiles">${(campaigns || []).map((campaign) => html`<${Line} key=${campaign.id} campaign=${campaign} onAnew=${() => renew(campaign.id)} />`)}</ul>
    ${next && html`<button class="more" onClick=${() => read(next)}>${T.more}</button>`}</main>`;
}

export function Campaigns() {
  return state.item ? html`<${Campaign} key=${state.item} id=${state.item} />` : html`<${List} />`;
}
