// Arrivals a second for the chart above the list: the server's own history to begin with, then the
// difference of its counters each second. Pure.
//
// A second of which nothing was heard stays null: a hole in the chart, not a zero.

/** @typedef {import('../lib/series.js').History} History */
/** @typedef {{ accepted: number, stored: number, invalid: number, lag_s: number }} Counters */

/** Five minutes, one point a second. */
export const POINTS_MAX = 300;
/** Two messages further apart do not tell when in between things arrived. */
const APART_MS_MAX = 2500;

const NAMES = /** @type {const} */ (['accepted', 'stored', 'invalid']);

export class Rates {
  /** The second of the last point. @type {number | null} */
  endS = null;
  /** @type {{ accepted: number | null, stored: number | null, invalid: number | null }[]} */
  points = [];
  /** @type {{ at: string, what: string }[]} */
  marks = [];
  /** @type {{ counters: Counters, atMs: number } | null} */
  before = null;
  /** Nothing could be told of the seconds before the next point. */
  isHole = false;

  /**
   * Begins anew with what the server has measured itself, also while this page did not listen.
   * @param {History} history
   */
  seed({ start, columns, marks }) {
    const n = columns.accepted?.length ?? 0;
    if (n === 0) return;
    this.points = Array.from({ length: n }, (_, at) => ({
      accepted: columns.accepted?.[at] ?? null,
      stored: columns.stored?.[at] ?? null,
      invalid: columns.invalid?.[at] ?? null,
    })).slice(-POINTS_MAX);
    this.endS = Math.floor(Date.parse(start) / 1000) + n - 1;
    this.marks = marks;
  }

  /**
   * @param {Counters} counters
   * @param {number} atMs the server's time
   */
  add(counters, atMs) {
    const { before } = this;
    this.before = { counters, atMs };
    if (before === null) return;
    const apartMs = atMs - before.atMs;
    // A restarted server counts from 0 again, and what is far apart has no second of its own.
    const isCut = counters.accepted < before.counters.accepted || apartMs > APART_MS_MAX;
    this.isHole ||= isCut;
    if (isCut || apartMs <= 0) return;
    // Of a message that came late the seconds in between are told by it as well.
    const rate = (/** @type {'accepted' | 'stored' | 'invalid'} */ name) =>
      Math.max(0, ((counters[name] - before.counters[name]) * 1000) / apartMs);
    const [accepted, stored, invalid] = NAMES.map(rate);
    this.#put(Math.floor(atMs / 1000), { accepted: accepted ?? 0, stored: stored ?? 0, invalid: invalid ?? 0 });
  }

  /** @param {number} s @param {Rates['points'][number]} point */
  #put(s, point) {
    const behind = this.endS === null ? 1 : s - this.endS;
    if (behind > POINTS_MAX || this.endS === null) this.points = [point];
    else if (behind <= 0) this.points[this.points.length - 1 + behind] = point;
    else {
      const between = this.isHole ? { accepted: null, stored: null, invalid: null } : point;
      for (let n = 1; n < behind; n += 1) this.points.push(between);
      this.points.push(point);
    }
    this.isHole = false;
    this.endS = Math.max(s, this.endS ?? s);
    this.points = this.points.slice(-POINTS_MAX);
  }

  /**
   * As the chart wants it: always five minutes wide, ending at the newest second.
   * @param {number} nowMs the server's time
   * @returns {History}
   */
  history(nowMs) {
    const endS = this.endS ?? Math.floor(nowMs / 1000);
    const nMissing = POINTS_MAX - this.points.length;
    const column = (/** @type {'accepted' | 'stored' | 'invalid'} */ name) => [
      ...Array.from({ length: nMissing }, () => null),
      ...this.points.map((point) => point[name]),
    ];
    return {
      range: '5m',
      step_s: 1,
      start: new Date((endS - POINTS_MAX + 1) * 1000).toISOString(),
      columns: { accepted: column('accepted'), stored: column('stored'), invalid: column('invalid') },
      marks: this.marks,
    };
  }
}
