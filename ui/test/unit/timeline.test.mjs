// A session along time: gaps, order of arrival, categories, density.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { categories, elapsed, moments, spark } from '../../lib/timeline.js';

/**
 * @param {number} seq
 * @param {number} s
 * @param {object} [more]
 * @returns {any}
 */
function event(seq, s, more = {}) {
  const at = new Date(Date.UTC(2026, 10, 1, 8) + s * 1000).toISOString();
  return { text: '', dataFrom: 0, dataTo: 0, envelope: { seq, timestamp: at, received_at: at, category: 'c', valid: true, ...more } };
}

/** Places of the events that are marked. @param {number[]} seqs */
const moved = (seqs) => moments(seqs.map((seq, at) => event(seq, at))).flatMap(({ isMoved }, at) => (isMoved ? [at] : []));

test('gaps and elapsed times are those of the events, the receipt stands in for a time that was not sent', () => {
  const list = moments([event(1, 0), event(2, 3, { timestamp: null }), event(3, 195)]);
  assert.deepEqual(list.map(({ gapMs, elapsedMs }) => [gapMs, elapsedMs]), [[0, 0], [3000, 3000], [192_000, 195_000]]);
  assert.equal(list[1]?.at, list[1]?.event.envelope.received_at);
  assert.deepEqual(moments([]), []);
});

test('one event that moved marks itself, not all that overtook it', () => {
  assert.deepEqual(moved([1, 2, 3, 4, 5]), []);
  assert.deepEqual(moved([1, 5, 2, 3, 4]), [1]); // late
  assert.deepEqual(moved([2, 3, 4, 5, 1]), [4]); // early
  assert.deepEqual(moved([1, 6, 2, 3, 7, 4, 8]), [1, 4]);
  assert.equal(moved([5, 4, 3, 2, 1]).length, 4);
});

test('categories are counted, the most frequent first, and names special to a program are names', () => {
  const events = ['b', 'a', 'a', '__proto__', null, 'constructor'].map((category, at) => event(at, at, { category }));
  assert.deepEqual(categories(events), [['a', 2], ['', 1], ['__proto__', 1], ['b', 1], ['constructor', 1]]);
});

test('the sparkline counts every event once', () => {
  const list = moments(Array.from({ length: 100 }, (_, at) => event(at, at, { valid: at % 10 !== 0 })));
  const parts = spark(list, 10);
  assert.deepEqual(parts, Array.from({ length: 10 }, () => ({ valid: 9, invalid: 1 })));
  assert.deepEqual(spark(moments([event(1, 0), event(2, 0)]), 3), [{ valid: 2, invalid: 0 }, { valid: 0, invalid: 0 }, { valid: 0, invalid: 0 }]);
});

test('elapsed time has milliseconds, and hours only when there are some', () => {
  assert.deepEqual([0, 40, 192_040, 7_392_040].map(elapsed), ['+0:00.000', '+0:00.040', '+3:12.040', '+2:03:12.040']);
});
