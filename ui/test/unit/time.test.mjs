// Times as people read them, over the edges of days and of summer time.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { clock, delta, duration, exact, relative, skewMs } from '../../lib/time.js';

before(() => {
  process.env.TZ = 'Europe/Berlin';
});

test('relative times', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  /** @type {[number, string][]} */
  const cases = [
    [0, 'now'], [999, 'now'], [-999, 'now'], [1000, '1 s ago'], [59_999, '59 s ago'], [60_000, '1 min ago'],
    [3_599_999, '59 min ago'], [3_600_000, '1 h ago'], [86_399_999, '23 h ago'], [86_400_000, '1 d ago'],
    [400 * 86_400_000, '400 d ago'], [-5000, 'in 5 s'], [-7_200_000, 'in 2 h'],
  ];
  for (const [ago, text] of cases) assert.equal(relative(now - ago, now), text);
});

test('durations', () => {
  /** @type {[number, string][]} */
  const cases = [
    [0, '0 s'], [-5, '0 s'], [41_900, '41 s'], [60_000, '1 min'], [192_000, '3 min 12 s'], [7_500_000, '2 h 5 min'],
    [90_000_000, '1 d 1 h'], [172_800_000, '2 d'],
  ];
  for (const [ms, text] of cases) assert.equal(duration(ms), text);
});

test('the day stands there only when it is another one', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  assert.equal(clock('2026-11-21T08:00:00.095123Z', 'utc', now), '08:00:00.095Z');
  assert.equal(clock('2026-11-20T08:00:00.095123Z', 'utc', now), '2026-11-20 08:00:00.095Z');
  assert.equal(clock('2026-11-21T08:00:00Z', 'local', now), '09:00:00.000');
  // 23:30 UTC on the 20th is the 21st in Berlin.
  assert.equal(clock('2026-11-20T23:30:00Z', 'local', now), '00:30:00.000');
  assert.equal(clock('2036-01-01T00:00:00Z', 'utc', now), '2036-01-01 00:00:00.000Z');
  assert.equal(clock('2026-11-21T11:59:48Z', 'relative', now), '12 s ago');
});

test('summer time ends: the hour that comes twice keeps its two offsets', () => {
  assert.equal(exact('2026-10-25T00:30:00.000001Z').split('\n')[0], '2026-10-25 02:30:00.000001 +02:00 (Europe/Berlin)');
  assert.equal(exact('2026-10-25T01:30:00.000001Z').split('\n')[0], '2026-10-25 02:30:00.000001 +01:00 (Europe/Berlin)');
});

test('summer time begins: the hour that does not exist is never shown', () => {
  const now = Date.parse('2026-03-29T12:00:00Z');
  assert.equal(clock('2026-03-29T00:59:59.999999Z', 'local', now), '01:59:59.999');
  assert.equal(clock('2026-03-29T01:00:00.000000Z', 'local', now), '03:00:00.000');
});

test('microseconds are not rounded, and what is no time is shown as it came', () => {
  assert.ok(exact('2026-11-21T08:00:00.999999Z').includes('.999999'));
  assert.equal(clock('soon', 'utc', 0), 'soon');
  assert.equal(exact('soon'), 'soon');
});

test('what lies between two times is told to the millisecond where that matters', () => {
  assert.deepEqual([0, 120, 999.6, 3420, 59_999, 60_000, 600_000].map(delta), ['0 ms', '120 ms', '1000 ms', '3.42 s', '59.99 s', '1 min', '10 min']);
});

test('only a clock that is far off is worth a word', () => {
  assert.equal(skewMs('2026-11-21T12:05:00Z', '2026-11-21T12:00:00Z'), null);
  assert.equal(skewMs('2026-11-21T12:05:00.001Z', '2026-11-21T12:00:00Z'), 300_001);
  assert.equal(skewMs('2026-11-21T11:50:00Z', '2026-11-21T12:00:00Z'), -600_000);
});
