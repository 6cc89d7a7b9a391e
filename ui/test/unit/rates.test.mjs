// The chart's numbers: five minutes wide, rates from counters, and a hole where nothing was heard.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { POINTS_MAX, Rates } from '../../live/rates.js';

const T0 = Date.parse('2026-11-21T08:00:00Z');
/** @param {number} accepted @param {number} [stored] */
const counters = (accepted, stored = accepted) => ({ accepted, stored, invalid: 0, lag_s: 0 });
/** @param {Rates} rates @param {number} n */
const last = (rates, n) => rates.history(T0).columns.accepted?.slice(-n);

test('a rate is the difference of two counters by the time between them', () => {
  const rates = new Rates();
  rates.add(counters(1000), T0);
  assert.deepEqual(last(rates, 1), [null]);
  rates.add(counters(1500, 1200), T0 + 1000);
  rates.add(counters(3500, 1300), T0 + 3000);
  const { columns, start } = rates.history(T0 + 3000);
  assert.deepEqual(columns.accepted?.slice(-3), [500, 1000, 1000]);
  assert.deepEqual(columns.stored?.slice(-1), [50]);
  assert.equal(columns.accepted?.length, POINTS_MAX);
  assert.equal(Date.parse(start) + (POINTS_MAX - 1) * 1000, T0 + 3000);
});

test('silence and a restart are holes', () => {
  const rates = new Rates();
  rates.add(counters(0), T0);
  rates.add(counters(10), T0 + 1000);
  rates.add(counters(500), T0 + 6000);
  rates.add(counters(507), T0 + 7000);
  assert.deepEqual(last(rates, 7), [10, null, null, null, null, null, 7]);
  rates.add(counters(3), T0 + 8000);
  rates.add(counters(5), T0 + 9000);
  assert.deepEqual(last(rates, 3), [7, null, 2]);
  rates.add(counters(5), T0 + 2_000_000);
  rates.add(counters(9), T0 + 2_001_000);
  assert.deepEqual(last(rates, 2), [null, 4]);
});

test('the history of the server comes first, with its holes and marks, and goes on with what is heard', () => {
  const rates = new Rates();
  rates.add(counters(1), T0);
  const marks = [{ at: '2026-11-21T07:59:58Z', what: 'start' }];
  rates.seed({ range: '5m', step_s: 1, start: '2026-11-21T07:59:57Z', columns: { accepted: [4, null, 6], stored: [4, null, 5], invalid: [0, null, 0] }, marks });
  rates.add(counters(8), T0 + 1000);
  assert.deepEqual(last(rates, 5), [4, null, 6, 7, 7]);
  assert.deepEqual(rates.history(T0).marks, marks);
});
