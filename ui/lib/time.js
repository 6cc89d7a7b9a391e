// Moments as people read them. Pure: the caller brings `now`, the zone is the browser's.
//
// Times travel as RFC 3339 in UTC with microseconds. A Date holds milliseconds only, so the
// fraction is taken from the text, never from the number.

/** @typedef {'relative' | 'local' | 'utc'} TimeMode */

/** @type {TimeMode[]} */
export const TIME_MODES = ['relative', 'local', 'utc'];

/** @param {number} number @param {number} [width] */
const pad = (number, width = 2) => String(number).padStart(width, '0');

/**
 * "12 s", "3 min 12 s", "2 h 5 min", "3 d 4 h".
 * @param {number} ms
 */
export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return pair(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86_400) return pair(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
  return pair(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3600), 'h');
}

/**
 * The same, and below a minute to the millisecond: "120 ms", "3.42 s".
 * @param {number} ms
 */
export function delta(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${Math.floor(ms / 10) / 100} s` : duration(ms);
}

/** A client's clock that is further off than this is worth a word. */
const SKEW_MS = 5 * 60_000;

/**
 * By how much an event's own time is ahead of its receipt (behind, if negative); null if that is little
 * enough to be the way to the server.
 * @param {string} timestamp
 * @param {string} receivedAt
 */
export function skewMs(timestamp, receivedAt) {
  const ms = Date.parse(timestamp) - Date.parse(receivedAt);
  return Math.abs(ms) > SKEW_MS ? ms : null;
}

/** @param {number} large @param {string} unit @param {number} small @param {string} part */
function pair(large, unit, small, part) {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${part}`;
}

/**
 * "now", "12 s ago", "3 min ago", "in 2 h".
 * @param {number} ms the moment
 * @param {number} nowMs
 */
export function relative(ms, nowMs) {
  const away = Math.abs(nowMs - ms);
  if (away < 1000) return 'now';
  const [size, unit] =
    away < 60_000 ? [1000, 's']
    : away < 3_600_000 ? [60_000, 'min']
    : away < 86_400_000 ? [3_600_000, 'h']
    : [86_400_000, 'd'];
  const amount = `${Math.floor(away / Number(size))} ${unit}`;
  return ms > nowMs ? `in ${amount}` : `${amount} ago`;
}

/**
 * The digits of the fraction as written: "095000" of `…:00.095000Z`, or "".
 * @param {string} rfc3339
 */
function fraction(rfc3339) {
  return /\.(\d+)/.exec(rfc3339)?.[1] ?? '';
}

/**
 * "14:02:11.095" today, "2026-11-18 14:02:11.095" on another day.
 * @param {string} rfc3339
 * @param {TimeMode} mode
 * @param {number} nowMs
 */
export function clock(rfc3339, mode, nowMs) {
  const ms = Date.parse(rfc3339);
  if (Number.isNaN(ms)) return rfc3339;
  if (mode === 'relative') return relative(ms, nowMs);
  const [day, time] = parts(ms, mode);
  const [today] = parts(nowMs, mode);
  const part = `${time}.${fraction(rfc3339).padEnd(3, '0').slice(0, 3)}${mode === 'utc' ? 'Z' : ''}`;
  return day === today ? part : `${day} ${part}`;
}

/** Day and time of day: "2026-11-18", "14:02:11". @param {number} ms @param {'local' | 'utc'} mode */
export function parts(ms, mode) {
  return mode === 'utc' ? utcParts(ms) : localParts(ms);
}

/** @param {number} ms @returns {[string, string]} */
function localParts(ms) {
  const date = new Date(ms);
  return [
    `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
    `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`,
  ];
}

/** @param {number} ms @returns {[string, string]} */
function utcParts(ms) {
  const text = new Date(ms).toISOString();
  const from = text.indexOf('T');
  return [text.slice(0, from), text.slice(from + 1, from + 9)];
}

/**
 * "+01:00" of the moment, which is another one in summer.
 * @param {number} ms
 */
function offset(ms) {
  const minutes = -new Date(ms).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

/**
 * Local and UTC with the zone's name, to the microsecond: what stands in a title.
 * @param {string} rfc3339
 */
export function exact(rfc3339) {
  const ms = Date.parse(rfc3339);
  if (Number.isNaN(ms)) return rfc3339;
  const [day, time] = localParts(ms);
  const digits = fraction(rfc3339);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${day} ${time}${digits === '' ? '' : `.${digits}`} ${offset(ms)} (${zone})\n${rfc3339}`;
}
