// Waits grow from half a second to fifteen seconds and never reach zero.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { waitMs } from '../../lib/backoff.js';

test('without chance the wait doubles up to its bound', () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 1000].map((attempt) => waitMs(attempt, 0));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test('chance takes off at most half', () => {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    assert.equal(waitMs(attempt, 1), waitMs(attempt, 0) / 2);
    const wait = waitMs(attempt, 0.37);
    assert.ok(wait >= 250 && wait <= 15_000);
  }
});
