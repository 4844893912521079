import { html, useEffect, useState } from '../html.js';
import { api } from '../keys.js';
import { listen } from '../live.js';
import { leftOf, totalOf } from '../plans.js';
import { T } from '../texts.js';
import { exactTime } from './moments.js';

export const OUTCOMES = ['sent', 'failed', 'blocked', 'unknown', 'skipped', 'cancelled', 'sending', 'queued'];
const CHART_MS = 1500;
const PRESSES_MS = 5000;
const LEAST_COLUMNS = 24;
const [WIDE, HIGH] = [600, 120];

// A campaign that keeps itself as it is: what the channel says, and a reading whenever its state changes.
export function useLive(campaign, onAnew) {
  const [news, setNews] = useState(null);
  useEffect(() => {
    if (!campaign) return undefined;
    const heard = listen(`campaign:${campaign.id}`, {
      publication: ({ data }) => {
        if (data.type !== 'progress') return;
        setNews(data);
        if (data.state !== campaign.state) onAnew();
      },
      subscribed: () => onAnew(), // progress is kept nowhere: after every absence it is read anew
    });
    return () => heard.end();
  }, [campaign?.id, campaign?.state]);
  if (!campaign?.run) return null;
  return news?.run_id === campaign.run.id && campaign.state === news.state ? { ...campaign.run, ...news } : campaign.run;
}

function left(seconds) {
  if (seconds < 90) return T.secondsLeft(Math.max(1, Math.round(seconds)));
  return T.minutesLeft(Math.ceil(seconds / 60));
}

export function Bar({ name, run }) {
  const total = totalOf(run.counts);
  const done = total - leftOf(run.counts);
  const part = total ? Math.floor((done * 100) / total) : (run.ended_at ? 100 : 0);
  const parts = OUTCOMES.filter((state) => state !== 'queued' && state !== 'sending' && run.counts[state]);
  const words = [T.ofTotal(done, total)];
  if (done < total && run.per_second) words.push(T.perSecond(run.per_second));
  if (done < total && run.eta_seconds != null) words.push(left(run.eta_seconds));
  return html`<div class="progress"><div class="bar" role="progressbar" aria-label=${T.progressOf(name)} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${part}>
      ${parts.map((state) => html`<i key=${state} class=${`of-${state}`} style=${{ flexGrow: run.counts[state] }}></i>`)}
      ${done < total && html`<i style=${{ flexGrow: total - done }}></i>`}</div>
    <p class="numbers"><strong>${part} %</strong><span class="quiet">${words.join(' · ')}</span></p></div>`;
}

export function Legend({ counts }) {
  return html`<ul class="legend">${OUTCOMES.filter((state) => counts[state]).map((state) => html`<li key=${state}>
    <i class=${`of-${state}`} aria-hidden="true"></i>${T.outcomes[state]} <b>${counts[state].toLocaleString(T.locale)}</b></li>`)}</ul>`;
}

// What became of how many in each step of time, as bars that stand on each other.
function columns(points) {
  const sums = new Map();
  points.forEach(({ step, state, deliveries }) => sums.set(step, { ...sums.get(step), [state]: deliveries }));
  return sums;
}

export function Chart({ campaign, run }) {
  const [line, setLine] = useState(null);
  const moving = run.state === 'running';
  const settled = totalOf(run.counts) - leftOf(run.counts);
  useEffect(() => {
    let gone = false;
    const read = () => api('GET', `/broadcast/campaign/${campaign.id}/timeline`).then((said) => { if (!gone) setLine(said); }).catch(() => {});
    read();
    const again = moving ? setInterval(read, CHART_MS) : null;
    return () => { gone = true; clearInterval(again); };
  }, [campaign.id, run.id, moving, moving ? 0 : settled]);
  if (!line?.points.length) return null;
  const sums = columns(line.points);
  const count = Math.max(LEAST_COLUMNS, ...[...sums.keys()].map((place) => place + 1));
  const top = Math.max(...[...sums.values()].map(totalOf));
  const wide = WIDE / count;
  return html`<figure class="chart"><figcaption>${T.chart(line.step_seconds)}</figcaption>
    <svg viewBox=${`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" role="img" aria-label=${T.chartOf(top)}>
      ${[...sums].map(([place, states]) => html`<${Column} key=${place} x=${place * wide} wide=${wide} top=${top} states=${states} />`)}</svg>
    <p class="ends quiet"><span>${exactTime(line.begins_at)}</span><span>${T.most(top)}</span><span>${exactTime(new Date(new Date(line.begins_at).getTime() + count * line.step_seconds * 1000))}</span></p></figure>`;
}

function Column({ x, wide, top, states }) {
  let y = HIGH;
  return OUTCOMES.filter((state) => states[state]).map((state) => {
    const high = (states[state] / top) * (HIGH - 4);
    y -= high;
    return html`<rect key=${state} class=${`of-${state}`} x=${x + wide * 0.1} y=${y} width=${wide * 0.8} height=${high}><title>${T.outcomes[state]}: ${states[state]}</title></rect>`;
  });
}

// People press long after the last delivery: this is looked at for as long as somebody looks at it.
export function Presses({ campaign, run }) {
  const [buttons, setButtons] = useState([]);
  useEffect(() => {
    let gone = false;
    const read = () => api('GET', `/broadcast/campaign/${campaign.id}/presses`).then((said) => { if (!gone) setButtons(said.buttons); }).catch(() => {});
    read();
    const again = setInterval(read, PRESSES_MS);
    return () => { gone = true; clearInterval(again); };
  }, [campaign.id, run.id]);
  if (!buttons.length) return null;
  return html`<section aria-label=${T.pressedButtons}><h3>${T.pressedButtons}</h3><ul class="legend">${buttons.map((button) => html`<li key=${button.data}>
    <b>${button.text}</b> ${T.pressed(button.presses, button.people)}</li>`)}</ul></section>`;
}
