// What the address of the Events screen asks for, and the questions to the server that follow from it.
// Pure.
//
//   ?category=a&q=x          the filter, spelled as for Live and for the API
//   &last=1h                 a range that ends now (15m, 1h, 24h, 7d; 24h is left out), or
//   &from=…&to=…             a pinned one, absolute
//   &clock=event             which time the range speaks of; left out: received
//   &limit=500               rows on a page; left out: 100
//   &after=<cursor>          a page that is not the first; with &order=asc the rows on the newer side of the cursor
//   &tab=invalid             groups of invalid events instead of the table
//   &event=<id>              the open event
//
// Invariant: wantedOf(queryOf(wanted)) is wanted.

import { fromQuery, toQuery } from './filter.js';

/** @typedef {import('./filter.js').Term} Term */
/**
 * @typedef {object} Wanted
 * @property {Term[]} terms
 * @property {string} last the preset; where `from` or `to` is set it does not count
 * @property {string | null} from RFC 3339
 * @property {string | null} to
 * @property {'received' | 'event'} clock
 * @property {number} limit
 * @property {string | null} after
 * @property {'desc' | 'asc'} order
 * @property {'events' | 'invalid'} tab
 */

/** @typedef {{ from: string | null, to: string | null }} Range first moment wanted, first moment no longer wanted */

/** Name, words, seconds. @type {[string, string, number][]} */
export const PRESETS = [['15m', '15 min', 900], ['1h', '1 h', 3600], ['24h', '24 h', 86_400], ['7d', '7 d', 604_800]];
const PRESET = '24h';
export const LIMITS = [50, 100, 500];
const LIMIT = 100;
/** Streams that a list without a filter by stream shows: all, like Live. */
const ALL_STREAMS = '*';

/** @param {URLSearchParams} query @returns {Wanted} */
export function wantedOf(query) {
  const last = query.get('last');
  const limit = Number(query.get('limit'));
  return {
    terms: fromQuery(query),
    last: PRESETS.some(([name]) => name === last) ? String(last) : PRESET,
    from: moment(query.get('from')),
    to: moment(query.get('to')),
    clock: query.get('clock') === 'event' ? 'event' : 'received',
    limit: LIMITS.includes(limit) ? limit : LIMIT,
    after: query.get('after'),
    order: query.get('order') === 'asc' ? 'asc' : 'desc',
    tab: query.get('tab') === 'invalid' ? 'invalid' : 'events',
  };
}

/** @param {string | null} text */
function moment(text) {
  return text === null || Number.isNaN(Date.parse(text)) ? null : text;
}

/** @param {Wanted} wanted @returns {URLSearchParams} */
export function queryOf({ terms, last, from, to, clock, limit, after, order, tab }) {
  const query = toQuery(terms);
  const isPinned = from !== null || to !== null;
  if (!isPinned && last !== PRESET) query.set('last', last);
  if (from !== null) query.set('from', from);
  if (to !== null) query.set('to', to);
  if (clock === 'event') query.set('clock', clock);
  if (limit !== LIMIT) query.set('limit', String(limit));
  if (after !== null) query.set('after', after);
  if (order === 'asc') query.set('order', order);
  if (tab === 'invalid') query.set('tab', tab);
  return query;
}

/**
 * An address of the Events screen that is made elsewhere.
 * @param {Partial<Wanted>} wanted
 */
export function queryFor(wanted) {
  return queryOf({ ...wantedOf(new URLSearchParams()), ...wanted });
}

/**
 * The moments that are meant. A preset has no end: what is received meanwhile belongs to it.
 * @param {Wanted} wanted
 * @param {number} nowMs
 * @returns {Range}
 */
export function rangeOf({ last, from, to }, nowMs) {
  if (from !== null || to !== null) return { from, to };
  const seconds = PRESETS.find(([name]) => name === last)?.[2] ?? 0;
  return { from: new Date((Math.floor(nowMs / 1000) - seconds) * 1000).toISOString(), to: null };
}

/**
 * The same with absolute moments, so that it means the same later, and to somebody else.
 * @param {Wanted} wanted
 * @param {Range} range
 * @param {number} nowMs
 * @returns {Wanted}
 */
export function pinned(wanted, { from, to }, nowMs) {
  return { ...wanted, from, to: to ?? new Date(nowMs).toISOString() };
}

/**
 * The first page of what was changed: another filter or range begins anew.
 * @param {Wanted} wanted
 * @param {Partial<Wanted>} change
 * @returns {Wanted}
 */
export function changed(wanted, change) {
  return { ...wanted, after: null, order: 'desc', ...change };
}

/**
 * Filter and range as the API takes them.
 * @param {Wanted} wanted
 * @param {Range} range
 */
export function filterQuery({ terms, clock }, { from, to }) {
  const query = toQuery(terms);
  if (!query.has('stream')) query.set('stream', ALL_STREAMS);
  if (from !== null) query.set('from', from);
  if (to !== null) query.set('to', to);
  if (clock === 'event') query.set('clock', clock);
  return query;
}

/**
 * The page, without the position that a search within it moves.
 * @param {Wanted} wanted
 * @param {Range} range
 */
export function pageQuery(wanted, range) {
  const query = filterQuery(wanted, range);
  query.set('order', wanted.order);
  query.set('limit', String(wanted.limit));
  if (wanted.after !== null) query.set('after', wanted.after);
  return query;
}

/** Fields by which groups of invalid events are filtered. */
export const INVALID_FIELDS = ['application', 'category', 'name'];

/**
 * What `GET /invalid` takes: it knows fewer labels.
 * @param {Wanted} wanted
 * @param {Range} range
 */
export function invalidQuery({ terms }, { from, to }) {
  const query = toQuery(terms.filter(({ field }) => INVALID_FIELDS.includes(field)));
  if (from !== null) query.set('from', from);
  if (to !== null) query.set('to', to);
  return query;
}

/**
 * What `POST /invalid/revalidate` takes: one value of each label. Where several are wanted, all are judged again.
 * @param {Wanted} wanted
 * @param {Range} range
 */
export function revalidateFilter({ terms }, { from, to }) {
  /** @type {{ [field: string]: string }} */
  const filter = {};
  for (const field of INVALID_FIELDS) {
    const [only, ...more] = terms.filter((term) => term.field === field);
    if (only !== undefined && more.length === 0) filter[field] = only.value;
  }
  return { ...filter, ...(from !== null && { from }), ...(to !== null && { to }) };
}

/**
 * The smallest preset that reaches back to a moment.
 * @param {number} ms
 * @param {number} nowMs
 */
export function presetFor(ms, nowMs) {
  return PRESETS.find(([, , seconds]) => ms > nowMs - seconds * 1000 && ms <= nowMs) ?? null;
}

/**
 * A moment as a field for date and time has it, which knows no zone: local time or UTC.
 * @param {string | null} rfc3339
 * @param {'local' | 'utc'} mode
 */
export function toField(rfc3339, mode) {
  if (rfc3339 === null) return '';
  const ms = Date.parse(rfc3339);
  const shiftMs = mode === 'utc' ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - shiftMs).toISOString().slice(0, 19);
}

/** @param {string} text @param {'local' | 'utc'} mode @returns {string | null} null where nothing was filled in */
export function fromField(text, mode) {
  const ms = Date.parse(mode === 'utc' ? `${text}Z` : text);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}
