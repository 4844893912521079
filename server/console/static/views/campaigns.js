import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { listen } from '../live.js';
import { T } from '../texts.js';

const OPEN = ['queued', 'sending'];
const ACTS = ['pause', 'resume', 'cancel'];

function Progress({ name, run }) {
  const counts = run.counts || {};
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const left = OPEN.reduce((sum, state) => sum + (counts[state] || 0), 0);
  const part = total ? Math.floor((total - left) * 100 / total) : 0;
  const said = Object.entries(counts).filter(([, count]) => count).map(([state, count]) => `${T.outcomes[state] || state}: ${count}`);
  if (left && run.per_second) said.push(T.perSecond(run.per_second));
  if (left && run.eta_seconds != null) said.push(T.eta(run.eta_seconds));
  return html`<progress aria-label=${T.progressOf(name)} max="100" value=${part}></progress><span class="quiet">${part} % · ${said.join(' · ')}</span>`;
}

function Campaign({ campaign, onTell, onAnew }) {
  const [news, setNews] = useState(null);
  useEffect(() => {
    const heard = listen(`campaign:${campaign.id}`, {
      publication: ({ data }) => { if (data.type === 'progress') { setNews(data); if (data.state !== campaign.state) onAnew(); } },
      subscribed: () => onAnew(), // progress is kept nowhere: after every absence it is read anew
    });
    return () => heard.end();
  }, [campaign.id, campaign.state]);
  const act = (name) => api('POST', `/broadcast/campaign/${campaign.id}/${name}`).then(onAnew).catch(onTell);
  const run = news && campaign.run?.id === news.run_id ? { ...campaign.run, ...news } : campaign.run;
  return html`<li><div class="words"><strong>${campaign.name}</strong>
    <span class="quiet">${T.states[campaign.state] || campaign.state}${campaign.why ? ` · ${campaign.why}` : ''}</span>
    ${run && html`<${Progress} name=${campaign.name} run=${run} />`}</div>
    ${ACTS.filter((name) => campaign.allows.includes(name)).map((name) => html`<button key=${name} onClick=${() => act(name)}>${T.acts[name]}</button>`)}</li>`;
}

export function Campaigns() {
  const [campaigns, setCampaigns] = useState(null);
  const [fault, setFault] = useState('');
  const tell = (error) => setFault(error.message);
  const read = () => api('GET', '/broadcast/campaign').then((page) => setCampaigns(page.campaigns)).catch(tell);
  useEffect(() => { read(); }, []);
  return html`<main class="page"><h1>${T.campaigns}</h1>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${campaigns && !campaigns.length && html`<p class="empty">${T.noCampaigns}</p>`}
    <ul class="rows">${(campaigns || []).map((campaign) => html`<${Campaign} key=${campaign.id} campaign=${campaign} onTell=${tell} onAnew=${read} />`)}</ul></main>`;
}
