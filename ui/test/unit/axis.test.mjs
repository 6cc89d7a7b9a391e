// The axes of charts: round numbers, and moments that are round by the clock on the wall, also on the
// days on which it is changed.

import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'Europe/Berlin';

const { timeTicks, valueTicks } = await import('../../lib/axis.js');

/** @param {string} at */
const s = (at) => Date.parse(at) / 1000;

test('values stand at 0 and at round numbers', () => {
  assert.deepEqual(valueTicks(110, 5), [0, 50, 100]);
  assert.deepEqual(valueTicks(1.1, 5, 1), [0, 1]);
  assert.deepEqual(valueTicks(2.2, 4), [0, 1, 2]);
  assert.deepEqual(valueTicks(0.033, 4), [0, 0.01, 0.02, 0.03]);
  assert.deepEqual(valueTicks(7_000_000, 3), [0, 5_000_000]);
});

test('moments are round by the clock that is shown, and midnight is a day', () => {
  const texts = (/** @type {'local' | 'utc'} */ mode) => timeTicks(s('2026-11-17T20:10:00Z'), s('2026-11-18T02:00:00Z'), 6, mode).map(({ text }) => text);
  assert.deepEqual(texts('utc'), ['21:00', '22:00', '23:00', '18 Nov', '01:00', '02:00']);
  assert.deepEqual(texts('local'), ['22:00', '23:00', '18 Nov', '01:00', '02:00', '03:00']);
  assert.deepEqual(timeTicks(s('2026-11-18T10:00:01Z'), s('2026-11-18T10:00:20Z'), 4, 'utc').map(({ text }) => text), ['10:00:05', '10:00:10', '10:00:15', '10:00:20']);
  assert.deepEqual(timeTicks(s('2026-11-01T05:00:00Z'), s('2026-11-04T05:00:00Z'), 3, 'local'), ['2026-11-01T23:00:00Z', '2026-11-02T23:00:00Z', '2026-11-03T23:00:00Z'].map((at, n) => ({ s: s(at), text: `${n + 2} Nov` })));
});

test('lines stay at full hours when the clocks are changed', () => {
  // 25 October 2026, 03:00 summer time is 02:00 winter time.
  const ticks = timeTicks(s('2026-10-24T16:00:00Z'), s('2026-10-25T17:00:00Z'), 5, 'local');
  assert.deepEqual(ticks.map(({ text }) => text), ['18:00', '25 Oct', '06:00', '12:00', '18:00']);
});

test('relative moments count back from now', () => {
  assert.deepEqual(timeTicks(0, 300, 5, 'relative').map(({ text }) => text), ['−5 min', '−4 min', '−3 min', '−2 min', '−1 min', 'now']);
  const halves = timeTicks(0, 300, 10, 'relative').map(({ text }) => text);
  assert.deepEqual(halves, ['−5 min', '−4.5 min', '−4 min', '−3.5 min', '−3 min', '−2.5 min', '−2 min', '−1.5 min', '−1 min', '−30 s', 'now']);
  for (const spanS of [3600, 21_600, 86_400, 604_800, 2_592_000]) {
    const texts = timeTicks(0, spanS, 13, 'relative').map(({ text }) => text);
    assert.equal(new Set(texts).size, texts.length, texts.join());
  }
});

test('a range of no length, of years, or without room ends', () => {
  assert.equal(timeTicks(5, 5, 4, 'utc').length, 1);
  assert.ok(timeTicks(0, 1e9, 4, 'utc').length <= 5);
  assert.ok(timeTicks(0, 1e9, 0, 'relative').length <= 2);
});
