// What the Live screen knows: the rows, the counters, the pause, the connection. No DOM, no network.
//
// Plain fields, changed thousands of times a second and read at most ten times a second by the
// screen; only `lib/draw.js` decides when. The server counts what matched and sends all of it or a
// sample. Invariant: received >= matched = shown + sampled out + waiting + pushed out, so that the
// numbers on the screen always add up.

import { isAfter, position } from '../lib/cursor.js';
import { Ring } from '../lib/ring.js';
import { Rates } from './rates.js';

/** Rows kept for scrolling back. */
export const ROWS_MAX = 5000;
/** Characters of all kept rows together: large events push older ones out sooner. */
export const CHARS_MAX = 32 * 1024 * 1024;
/** How far back the count of other arrivals looks. */
const MINUTE_MS = 60_000;

/** @typedef {import('../lib/raw-json.js').RawEvent & { n: number }} Row `n` counts the rows that came to this page */
/** @typedef {import('../lib/raw-json.js').State} State */
/** @typedef {'loading' | 'live' | 'catching up' | 'polling' | 'offline' | 'failed'} Connection */
/** @typedef {'button' | 'key' | 'scroll' | 'selection' | 'open'} PauseReason */
/** @typedef {{ accepted: number, stored: number, invalid: number, applied_seq: number, head_seq: number, lag_s: number, lag_records: number }} Stats */
/** @typedef {{ sinceMs: number, untilMs: number | null, missed: number, done: boolean, cursor: string | null }} Outage `cursor` is the last that was seen before */
/** @typedef {{ from: string, to: string, why: string }} Gap */
/** @typedef {{ what: string, status: number, requestId: string, detail: string }} Failure */

export class Model {
  /** @type {Ring<Row>} */
  ring = new Ring(ROWS_MAX, CHARS_MAX);

  // The connection, which outlives lists.
  /** @type {Connection} */
  connection = 'loading';
  /** When the next attempt to connect is due, by this machine's clock. */
  retryAtMs = 0;
  /** Name of the server's data directory; another one means another list. @type {string | null} */
  instance = null;
  /** The server turned out to be another one, and the list began anew. */
  isNewInstance = false;
  /** Server's clock minus ours. */
  clockOffsetMs = 0;
  /** @type {Outage | null} */
  outage = null;
  /** Arrivals a second, for the chart. */
  rates = new Rates();

  // One list.
  /** Events that match the filter, as the server counts them. */
  nMatched = 0;
  /** Those of them that came to this page as rows. */
  nRows = 0;
  /** What the server took in before `baseSeq`, as far as this list is concerned. */
  nBase = 0;
  /** Behind this position every accepted event counts as received. */
  baseSeq = 0;
  /** When that was, by the server's clock. */
  beganMs = 0;
  nInvalid = 0;
  /** The rows as they stood when the list was paused, newest first. @type {Row[] | null} */
  frozen = null;
  /** @type {PauseReason | null} */
  pausedBy = null;
  nSincePause = 0;
  nRowsAtPause = 0;
  /** Everything up to here has been seen; where to resume. @type {string | null} */
  cursor = null;
  appliedSeq = 0;
  /** What the server said of single events after it had sent them: a dead letter that was replayed. @type {Map<number, State>} */
  fates = new Map();
  /** @type {Stats | null} */
  stats = null;
  /** @type {{ atMs: number, accepted: number }[]} */
  acceptedLately = [];
  /** How many positions are still to come while catching up. */
  nBehind = 0;
  /** @type {Gap[]} */
  gaps = [];
  /** @type {Failure | null} */
  failure = null;

  /** Forgets everything that belongs to one list: another filter, another instance. */
  clear() {
    this.ring.clear();
    this.resume();
    this.nMatched = 0;
    this.nRows = 0;
    this.nBase = 0;
    this.baseSeq = 0;
    this.nInvalid = 0;
    this.cursor = null;
    this.appliedSeq = 0;
    this.fates.clear();
    this.stats = null;
    this.acceptedLately = [];
    this.nBehind = 0;
    this.gaps = [];
    this.failure = null;
  }

  /**
   * Takes one event. What was seen before is left out, so a resume can never show a row twice.
   * @param {import('../lib/raw-json.js').RawEvent} event
   * @returns {boolean} whether it was new
   */
  add(event) {
    const { cursor, valid } = event.envelope;
    if (this.cursor !== null && this.#isSeen(cursor)) return false;
    this.cursor = cursor;
    this.ring.push({ ...event, n: this.nRows }, event.text.length);
    this.nRows += 1;
    if (!valid) this.nInvalid += 1;
    this.#countMatched(1);
    return true;
  }

  /** @param {number} n */
  #countMatched(n) {
    this.nMatched += n;
    if (this.frozen !== null) this.nSincePause += n;
    if (this.outage !== null && !this.outage.done) this.outage.missed += n;
  }

  /**
   * Takes a frame: its events, and the count of those that matched and were not sent.
   * @param {import('../lib/raw-json.js').Frame} frame
   */
  addFrame({ last, matched, events }) {
    if (this.cursor !== null && this.#isSeen(last)) return;
    for (const event of events) this.add(event);
    this.#countMatched(Math.max(0, matched - events.length));
    this.moveTo(last);
  }

  /** The first fill is done: from here on everything that the server accepts is received. */
  beginCounting() {
    this.beganMs = Date.now() + this.clockOffsetMs;
    this.nBase = this.nMatched;
    this.baseSeq = position(this.cursor ?? '').seq;
  }

  /** What the server took in while this list stands, whether it matches or not. */
  get nReceived() {
    const headSeq = Math.max(this.stats?.head_seq ?? 0, position(this.cursor ?? '').seq);
    return Math.max(this.nMatched, this.nBase + Math.max(0, headSeq - this.baseSeq));
  }

  /** @param {string} cursor */
  #isSeen(cursor) {
    const seen = this.cursor ?? '';
    return position(seen).log === position(cursor).log && !isAfter(cursor, seen);
  }

  /**
   * Everything up to `cursor` has been looked at, whether it matched or not.
   * @param {string} cursor
   */
  moveTo(cursor) {
    if (this.cursor === null || !this.#isSeen(cursor)) this.cursor = cursor;
  }

  /** @param {{ seq: number, state: State }} fate */
  setFate({ seq, state }) {
    this.fates.set(seq, state);
    // Older ones than there are rows are of no row any more.
    for (const old of this.fates.keys()) {
      if (this.fates.size <= ROWS_MAX) break;
      this.fates.delete(old);
    }
  }

  /** @param {Gap} gap */
  addGap(gap) {
    this.gaps = [...this.gaps, gap].slice(-3);
    // What is still kept in such a gap comes all the same.
    if (gap.why === 'retention') return;
    // What lies in the gap may not even exist, so it is not counted.
    this.nBase += Math.max(0, position(this.cursor ?? '').seq - this.baseSeq);
    this.baseSeq = position(gap.to).seq;
    this.stats = null;
    this.cursor = gap.to;
  }

  /**
   * @param {Stats} stats
   * @param {number} nowMs
   */
  setStats(stats, nowMs) {
    this.stats = stats;
    this.appliedSeq = Math.max(this.appliedSeq, stats.applied_seq);
    const lately = this.acceptedLately;
    // A restarted server counts from 0 again.
    if ((lately.at(-1)?.accepted ?? 0) > stats.accepted) lately.length = 0;
    lately.push({ atMs: nowMs, accepted: stats.accepted });
    while (nowMs - (lately[0]?.atMs ?? nowMs) > MINUTE_MS) lately.shift();
    this.rates.add(stats, nowMs + this.clockOffsetMs);
  }

  /** Events that the server accepted during the last minute, as far as this page has heard. */
  get nAcceptedLately() {
    const lately = this.acceptedLately;
    return (lately.at(-1)?.accepted ?? 0) - (lately[0]?.accepted ?? 0);
  }

  /** @param {PauseReason} reason */
  pause(reason) {
    if (this.frozen !== null) return;
    this.frozen = this.ring.toArray();
    this.pausedBy = reason;
    this.nSincePause = 0;
    this.nRowsAtPause = this.nRows;
  }

  /**
   * Takes the rows that came during the pause into the list that stands still.
   * @returns {number} how many rows came on top; more than the list now has, if it went on beyond them
   */
  readOn() {
    const nNew = this.nRows - this.nRowsAtPause;
    this.frozen = this.ring.toArray();
    this.nSincePause = 0;
    this.nRowsAtPause = this.nRows;
    return nNew;
  }

  resume() {
    this.frozen = null;
    this.pausedBy = null;
    this.nSincePause = 0;
  }

  get isPaused() {
    return this.frozen !== null;
  }

  /** Rows in the list that is on the screen. */
  get nShown() {
    return this.frozen === null ? this.ring.length : this.frozen.length;
  }

  get nNotShown() {
    return this.nMatched - this.nShown;
  }

  /** Matched, but left out of the sample that the server sends. */
  get nSampledOut() {
    return this.nMatched - this.nRows;
  }

  /** Rows that came during the pause and are kept: not drawn yet. */
  get nWaiting() {
    return this.frozen === null ? 0 : Math.min(this.nRows - this.nRowsAtPause, this.ring.length);
  }

  /** Rows that this page no longer keeps. */
  get nPushedOut() {
    return this.nRows - this.nShown - this.nWaiting;
  }

  /**
   * A row of the list on the screen, 0 is the newest.
   * @param {number} index
   * @returns {Row | undefined}
   */
  row(index) {
    return this.frozen === null ? this.ring.at(index) : this.frozen[index];
  }

  /**
   * Whether the row is in the database by now, and what became of it.
   * @param {Row} row
   * @returns {State}
   */
  stateOf({ envelope }) {
    const fate = this.fates.get(envelope.seq);
    if (fate !== undefined) return fate;
    if (envelope.seq > this.appliedSeq) return 'queued';
    if (envelope.state === 'dead') return 'dead';
    return envelope.valid ? 'stored' : 'invalid';
  }
}
