// The metric history: what was not measured stays a hole, and amounts are read at a glance.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { about, bytes, reading } from '../../lib/amount.js';
import { column, isQuiet, lagKind, moments, newest } from '../../lib/series.js';

const history = {
  range: '5m', step_s: 10, start: '2026-11-01T08:00:00Z', marks: [],
  columns: { accepted: [null, 0, 1.5, null], stored: [1, 2, 3, 4] },
};

test('a hole stays a hole, and a column that the server does not have is one hole', () => {
  assert.deepEqual(moments(history), [0, 10, 20, 30].map((s) => Date.UTC(2026, 10, 1, 8) / 1000 + s));
  assert.deepEqual(column(history, 'accepted', 4), [null, 0, 1.5, null]);
  for (const name of ['nothing', 'constructor', '__proto__']) assert.deepEqual(column(history, name, 2), [null, null]);
});

test('the newest value is one of the last few or none', () => {
  assert.equal(newest([1, 2, null]), 2);
  assert.equal(newest([7, null, null, null]), null);
  assert.equal(newest([0]), 0);
  assert.equal(newest([]), null);
  assert.equal(isQuiet([null, 0, 0]), true);
  assert.equal(isQuiet([null, 0.1]), false);
});

test('amounts have a unit, and nothing measured is a dash', () => {
  /** @type {[number | null, import('../../lib/amount.js').Unit, string][]} */
  const cases = [
    [null, 'rate', '–'], [0, 'rate', '0/s'], [1204.4, 'rate', '1,204/s'], [250_000, 'count', '250K'], [0.256, 'count', '0.26'],
    [350, 'us', '350 µs'], [8190, 'us', '8.19 ms'], [1_500_000, 'us', '1.5 s'], [0.4, 's', '0.4 s'], [1234, 'bytes', '1.2 kB'],
  ];
  for (const [value, unit, text] of cases) assert.equal(reading(value, unit), text);
  assert.deepEqual([0, 512, 999, 1000, 84_000, 64e9, 5e15].map(bytes), ['0 B', '512 B', '999 B', '1 kB', '84 kB', '64 GB', '5000 TB']);
  assert.deepEqual([0.2, 12, 120, 10_800, 432_000].map(about), ['less than 1 s', '12 s', '2 min', '3 h', '5 d']);
  assert.deepEqual([0, 1, 1.1, 10, 10.1].map(lagKind), ['ok', 'ok', 'warn', 'warn', 'bad']);
});
