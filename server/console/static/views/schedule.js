import { html, useState } from '../html.js';
import { localClock, ownZone, scheduleOf, timingOf } from '../plans.js';
import { T } from '../texts.js';

const TIMES = ['now', 'at', 'daily', 'workdays', 'weekly'];
const HOUR_MS = 3_600_000;

function Quiet({ schedule, onChange }) {
  const isOn = Boolean(schedule.quiet_from);
  const turn = (on) => {
    const { quiet_from: _, quiet_to: __, ...rest } = schedule;
    onChange(on ? { ...rest, quiet_from: '21:00', quiet_to: '08:00' } : rest);
  };
  const put = (name) => (event) => event.target.value && onChange({ ...schedule, [name]: event.target.value });
  return html`<label class="tick"><input type="checkbox" checked=${isOn} onChange=${(event) => turn(event.target.checked)} />${T.quietHours}</label>
    ${isOn && html`<div class="row"><label>${T.from}<input type="time" value=${schedule.quiet_from} onInput=${put('quiet_from')} /></label>
      <label>${T.to}<input type="time" value=${schedule.quiet_to} onInput=${put('quiet_to')} /></label></div>`}`;
}

function PerHour({ schedule, onChange }) {
  const put = (event) => {
    const { per_hour: _, ...rest } = schedule;
    const number = Math.floor(Number(event.target.value));
    onChange(number > 0 ? { ...rest, per_hour: number } : rest);
  };
  return html`<label>${T.perHour}<input type="number" min="1" placeholder=${T.noLimit} value=${schedule.per_hour || ''} onInput=${put} /></label>`;
}

export function Schedule({ schedule, onChange }) {
  const [timing, setTiming] = useState(() => timingOf(schedule));
  const put = (part) => {
    const now = { ...timing, ...part };
    if (now.when === 'at' && !now.at) now.at = localClock(Date.now() + HOUR_MS);
    if (TIMES.indexOf(now.when) > 1 && !now.time) now.time = '09:00';
    setTiming(now);
    onChange(scheduleOf(schedule, now));
  };
  return html`<fieldset class="choices"><legend class="sr">${T.when}</legend>
      ${TIMES.map((when) => html`<label key=${when} class="choice"><input type="radio" name="when" checked=${timing.when === when} onChange=${() => put({ when })} />${T.times[when]}</label>`)}</fieldset>
    ${timing.when === null && html`<p class="quiet">${T.ownSchedule}</p><code class="block">${JSON.stringify(schedule)}</code>`}
    ${timing.when === 'at' && html`<label>${T.atMoment}<input type="datetime-local" value=${timing.at} onInput=${(event) => put({ at: event.target.value })} /></label>`}
    ${TIMES.indexOf(timing.when) > 1 && html`<label>${T.atTime}<input type="time" value=${timing.time} onInput=${(event) => put({ time: event.target.value })} /></label>`}
    ${timing.when !== 'now' && timing.when !== null && html`<p class="quiet">${T.inZone(schedule.zone || ownZone())}</p>`}
    <${Quiet} schedule=${schedule} onChange=${onChange} /><${PerHour} schedule=${schedule} onChange=${onChange} />`;
}
