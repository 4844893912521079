import { html, useEffect, useState } from '../html.js';
import { api, fetched } from '../keys.js';
import { leftOf } from '../plans.js';
import { T } from '../texts.js';
import { save } from './file.js';
import { day, time } from './moments.js';
import { OUTCOMES } from './progress.js';

const PAGE = 50;
const AGAIN_MS = 3000;
const EXPORT_MS = 600_000;

function Row({ delivery }) {
  return html`<tr><td>${delivery.name || T.somebody}</td><td><i class=${`dot of-${delivery.state}`} aria-hidden="true"></i>${T.outcomes[delivery.state]}</td>
    <td>${delivery.reason || ''}</td><td>${delivery.settled_at ? `${day(delivery.settled_at)}, ${time(delivery.settled_at)}` : ''}</td></tr>`;
}

export function Deliveries({ campaign, run }) {
  const [wanted, setWanted] = useState('');
  const [page, setPage] = useState(null);
  const [fault, setFault] = useState('');
  const tell = (error) => setFault(error.message);
  const asked = new URLSearchParams({ campaign_id: campaign.id, ...(wanted && { state: wanted }) });
  const read = (cursor) => api('GET', `/broadcast/logs?${asked}&limit=${PAGE}${cursor ? `&cursor=${cursor}` : ''}`).then((found) => {
    setPage((known) => (cursor ? { ...found, deliveries: [...known.deliveries, ...found.deliveries] } : found));
  }).catch(tell);
  useEffect(() => { read(); }, [wanted, run.id, run.state, leftOf(run.counts) === 0]);
  const isMoving = run.state === 'running' && (page?.deliveries.length || 0) <= PAGE; // who reads on is left at their place
  useEffect(() => {
    const again = isMoving ? setInterval(() => read(), AGAIN_MS) : null;
    return () => clearInterval(again);
  }, [isMoving, wanted]);
  const take = () => fetched(`/broadcast/logs/export?${asked}`, EXPORT_MS).then((blob) => save(blob, `${campaign.name}.csv`)).catch(tell);
  return html`<section><header class="head"><h2>${T.log}</h2><div class="row">
      <select aria-label=${T.outcome} value=${wanted} onChange=${(event) => setWanted(event.target.value)}><option value="">${T.everything}</option>
        ${OUTCOMES.map((state) => html`<option key=${state} value=${state}>${T.outcomes[state]}${run.counts[state] ? ` (${run.counts[state]})` : ''}</option>`)}</select>
      <button class="plain" onClick=${() => read()}>${T.renew}</button><button class="plain" onClick=${take}>${T.exportCsv}</button></div></header>
    ${fault && html`<p class="fault" role="alert">${fault}</p>`}
    ${page && !page.deliveries.length && html`<p class="empty">${T.nothingHere}</p>`}
    ${page?.deliveries.length > 0 && html`<div class="table" role="region" aria-label=${T.log} tabindex="0"><table><thead><tr>${T.logHeads.map((head) => html`<th key=${head} scope="col">${head}</th>`)}</tr></thead>
      <tbody>${page.deliveries.map((each) => html`<${Row} key=${each.run_id + each.contact_id} delivery=${each} />`)}</tbody></table></div>`}
    ${page?.next && html`<button class="more" onClick=${() => read(page.next)}>${T.more}</button>`}</section>`;
}
