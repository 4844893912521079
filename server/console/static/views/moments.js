// Moments as people say them.
import { T } from '../texts.js';

const DAY_MS = 86_400_000;
const clock = new Intl.DateTimeFormat(T.locale, { hour: '2-digit', minute: '2-digit', hour12: false });
const seconds = new Intl.DateTimeFormat(T.locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const dates = new Intl.DateTimeFormat(T.locale, { day: 'numeric', month: 'long', year: 'numeric' });
const short = new Intl.DateTimeFormat(T.locale, { day: 'numeric', month: 'short' });
const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);

export const time = (at) => clock.format(new Date(at));

export const exactTime = (at) => seconds.format(new Date(at));
export const date = (at) => dates.format(new Date(at));

export function day(at) {
  const ago = Math.round((midnight(Date.now()) - midnight(at)) / DAY_MS);
  return [T.today, T.yesterday][ago] || date(at);
}

export const brief = (at) => (midnight(at) === midnight(Date.now()) ? time(at) : short.format(new Date(at)));
