// The first fill of a list: the newest stored events, and the position from which the live feed goes on.
//
// A page holds only what the database has applied; what is accepted but still queued comes over the
// feed. So the feed must begin at a position that was applied before the last page was read:
//
//   no filter    the newest row of the page: everything behind it is still to come
//   a filter     the newest row may be old, and all between it and the head would be searched again.
//                First ask for the newest event of all (the anchor), then for the page. What matches
//                up to the anchor is on the page, what matches behind it comes over the feed. A row
//                of the page newer than the anchor moves the start to itself.
//   empty        "beginning": nothing was applied yet, so everything is still to come
//
// Nothing is missed and nothing comes twice: seq decides, and rows become visible in its order.
//
// GET /events without `stream` means the stream `events`, GET /live without it means all of them. The
// page means all, so it asks GET /events for `stream=*`.

import { isAfter } from '../lib/cursor.js';
import { splitPage } from '../lib/raw-json.js';
import { request } from '../lib/api.js';

/** Rows that a list begins with. */
const ROWS_FIRST = 100;
/** Pages read at most: with a filter a page may be short or empty and still have a next one. */
const PAGES_MAX = 5;

const ALL_STREAMS = '*';

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */

/**
 * @param {URLSearchParams} filter
 * @param {AbortSignal} signal
 * @returns {Promise<{ events: RawEvent[], since: string }>} events newest first
 */
export async function firstFill(filter, signal) {
  let since = 'beginning';
  if (filter.size > 0) {
    const newest = await page(new URLSearchParams({ stream: ALL_STREAMS, order: 'desc', limit: '1' }), signal);
    since = newest.events[0]?.envelope.cursor ?? since;
  }
  const events = await newestOf(filter, signal);
  const first = events[0]?.envelope.cursor;
  if (first !== undefined && (since === 'beginning' || isAfter(first, since))) since = first;
  return { events, since };
}

/**
 * @param {URLSearchParams} filter
 * @param {AbortSignal} signal
 */
async function newestOf(filter, signal) {
  /** @type {RawEvent[]} */
  const events = [];
  const query = new URLSearchParams(filter);
  if (!query.has('stream')) query.set('stream', ALL_STREAMS);
  query.set('order', 'desc');
  for (let n = 0; n < PAGES_MAX && events.length < ROWS_FIRST; n += 1) {
    query.set('limit', String(ROWS_FIRST - events.length));
    const { events: more, next } = await page(query, signal);
    events.push(...more);
    if (next === null) break;
    query.set('after', next);
  }
  return events;
}

/** Pages that one poll reads at most, and rows in one. */
const POLL_PAGES_MAX = 20;
const POLL_ROWS = 500;

/**
 * What is stored behind a position, oldest first, for a network that lets no WebSocket through.
 * @param {URLSearchParams} filter
 * @param {string | null} cursor
 * @param {AbortSignal} signal
 * @returns {Promise<{ events: RawEvent[], isEnd: boolean }>}
 */
export async function newerThan(filter, cursor, signal) {
  /** @type {RawEvent[]} */
  const events = [];
  const query = new URLSearchParams(filter);
  if (!query.has('stream')) query.set('stream', ALL_STREAMS);
  query.set('limit', String(POLL_ROWS));
  /** @type {string | null} */
  let after = cursor;
  for (let n = 0; n < POLL_PAGES_MAX; n += 1) {
    if (after !== null) query.set('after', after);
    const { events: more, next } = await page(query, signal);
    events.push(...more);
    if (next === null) return { events, isEnd: true };
    after = next;
  }
  return { events, isEnd: false };
}

/**
 * @param {URLSearchParams} query
 * @param {AbortSignal} signal
 */
async function page(query, signal) {
  return splitPage(await request(`/events?${query}`, { signal }));
}
