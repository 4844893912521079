// A campaign's rule and schedule as a form has them, and back. What no form here can show is kept as it is.

const LEAVES = {
  tag: (value) => ({ tag: value }),
  no_tag: (value) => ({ not: { tag: value } }),
  channel: (value) => ({ channel: value.toLowerCase() }),
  language: (value) => ({ language: value.toLowerCase() }),
  attribute: (value, name) => ({ attribute: name, equals: guessed(value) }),
  active: (value) => ({ active_within_days: Number(value) }),
};
export const KINDS = Object.keys(LEAVES);

// `007` and `Bern` stay texts, `36` is a number, `true` a truth: so an import with :number and :truth has them.
function guessed(value) {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^(0|-?[1-9]\d{0,14})$/.test(value) ? Number(value) : value;
}

function rowOf(rule) {
  const keys = Object.keys(rule).sort().join(' ');
  if (keys === 'tag') return { kind: 'tag', value: rule.tag };
  if (keys === 'not' && Object.keys(rule.not).join() === 'tag') return { kind: 'no_tag', value: rule.not.tag };
  if (keys === 'channel') return { kind: 'channel', value: rule.channel };
  if (keys === 'language') return { kind: 'language', value: rule.language };
  if (keys === 'attribute equals') return { kind: 'attribute', name: rule.attribute, value: String(rule.equals) };
  if (keys === 'active_within_days') return { kind: 'active', value: String(rule.active_within_days) };
  return null;
}

// The API names all that a rule might hold, and null where it does not.
function bare(rule) {
  const given = Object.entries(rule).filter(([, value]) => value !== null);
  return Object.fromEntries(given.map(([key, value]) => {
    if (key === 'not') return [key, bare(value)];
    return [key, key === 'all' || key === 'any' ? value.map(bare) : value];
  }));
}

// { join, rows } or, of a rule that is more than a list of conditions, null.
export function conditionsOf(given) {
  const rule = bare(given);
  const keys = Object.keys(rule);
  if (!keys.length) return { join: 'all', rows: [] };
  const join = keys.length === 1 && ['all', 'any'].includes(keys[0]) ? keys[0] : null;
  const rows = (join ? rule[join] : [rule]).map(rowOf);
  return rows.every(Boolean) ? { join: join || 'all', rows } : null;
}

const isWhole = (row) => row.value.trim() && (row.kind !== 'attribute' || row.name?.trim());

export function ruleOf({ join, rows }) {
  const rules = rows.filter(isWhole).map((row) => LEAVES[row.kind](row.value.trim(), row.name?.trim()));
  return rules.length ? { [join]: rules } : {};
}

// The variant that somebody of this language gets: that of their region, of their language, else the fallback.
export function variantOf({ variants, fallback_language: fallback }, language) {
  const asked = (language || '').toLowerCase();
  return variants[asked] || variants[asked.split('-')[0]] || variants[fallback || Object.keys(variants)[0]];
}

export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

const twoDigits = (number) => String(number).padStart(2, '0');
const CRON = /^(\d+) (\d+) \* \* (\*|MON-FRI|MON)$/;
const DAYS = { daily: '*', workdays: 'MON-FRI', weekly: 'MON' };

// The clock of a moment in this browser's zone, as <input type="datetime-local"> wants it.
export function localClock(moment) {
  const at = new Date(moment);
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}T${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}`;
}

// What the form shows of a schedule; `when` is null for what it cannot show.
export function timingOf(schedule) {
  if (schedule.at) return { when: schedule.local ? null : 'at', at: /Z|[+-]\d\d:\d\d$/.test(schedule.at) ? localClock(schedule.at) : schedule.at.slice(0, 16) };
  if (!schedule.cron) return { when: 'now' };
  const found = schedule.cron.match(CRON);
  const when = found && Object.keys(DAYS).find((name) => DAYS[name] === found[3]);
  return { when: when || null, time: found ? `${twoDigits(found[2])}:${twoDigits(found[1])}` : '' };
}

export function scheduleOf(kept, { when, at, time }) {
  const { at: _, cron, until, local, ...rest } = kept;
  const zone = ownZone();
  if (when === 'at') return at ? { ...rest, at: new Date(at).toISOString(), zone } : { ...rest, zone };
  if (when === 'now' || !time) return { ...rest, zone };
  const [hour, minute] = time.split(':').map(Number);
  return { ...rest, cron: `${minute} ${hour} * * ${DAYS[when]}`, zone };
}

export const totalOf = (counts) => Object.values(counts || {}).reduce((sum, count) => sum + count, 0);
export const leftOf = (counts) => (counts?.queued || 0) + (counts?.sending || 0);
