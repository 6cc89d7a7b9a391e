// Batches in words and numbers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatOf, isCancellable, isOver, isPacked, labelOf, lastedMs, outcome, pace, phases, progressOf, speed, speedOf, tableFor } from '../../lib/batch.js';

/** @param {Partial<import('../../lib/batch.js').Batch>} [more] @returns {import('../../lib/batch.js').Batch} */
const batch = (more) => ({
  id: 'b', table: 'prices', mode: 'append', state: 'applying', application: null, sent_by: 'local', label: null, idempotency_key: null, rows: 48_210, bytes: 1,
  rows_applied: 31_200, errors: 0, hash: '', created_at: '2026-11-21T10:00:00Z', received_at: '2026-11-21T10:00:02Z', started_at: '2026-11-21T10:00:05Z', ended_at: null, detail: null, upload_offset: null, same_as: null, revalidates: null, rows_kept: false, ...more,
});
const now = Date.parse('2026-11-21T10:00:15Z');

test('progress is words, and a share only where the end is known', () => {
  assert.deepEqual(progressOf(batch()), { text: '31,200 of 48,210 rows', share: 31_200 / 48_210 });
  assert.deepEqual(progressOf(batch({ rows: 0, rows_applied: 0 })), { text: '0 of 0 rows', share: 0 });
  assert.deepEqual(progressOf(batch({ state: 'receiving' })), { text: '48,210 rows so far', share: null });
  assert.deepEqual(progressOf(batch({ state: 'queued' })).share, null);
  assert.deepEqual(progressOf(batch({ state: 'committed' })), { text: '', share: null });
});

test('a batch is all there or not there, and says so', () => {
  assert.equal(outcome(batch({ state: 'committed' })), 'Committed: all 48,210 rows stored.');
  assert.match(outcome(batch({ state: 'committed', mode: 'replace' })), /in place of those that were there/);
  assert.equal(outcome(batch({ state: 'rejected' })), 'Rejected: 0 of 48,210 rows stored.');
  assert.equal(outcome(batch({ state: 'cancelled', rows: 1 })), 'Cancelled: 0 of 1 row stored.');
  assert.equal(outcome(batch({ state: 'cancelled', same_as: 'b7' })), 'They came before: none is lost, and none is stored twice.');
  assert.match(outcome(batch({ state: 'rejected', same_as: 'b7' })), /^Rejected: 0 of /);
  for (const state of /** @type {const} */ (['receiving', 'queued', 'applying'])) {
    assert.equal(isOver({ state }), false);
    assert.equal(isCancellable({ state }), state !== 'applying');
  }
});

test('phases end where the next begins, or where the batch did', () => {
  assert.deepEqual(phases(batch(), now), [
    { what: 'Receiving', ms: 2000, rows: 48_210, isRunning: false }, { what: 'Waiting', ms: 3000, rows: 0, isRunning: false }, { what: 'Applying', ms: 10_000, rows: 31_200, isRunning: true },
  ]);
  const cancelled = batch({ state: 'cancelled', started_at: null, ended_at: '2026-11-21T10:00:04Z' });
  assert.deepEqual(phases(cancelled, now).map(({ what, ms }) => [what, ms]), [['Receiving', 2000], ['Waiting', 2000]]);
  const early = batch({ state: 'rejected', received_at: null, started_at: null, ended_at: '2026-11-21T10:00:01Z' });
  assert.deepEqual(phases(early, now).map(({ what, ms, isRunning }) => [what, ms, isRunning]), [['Receiving', 1000, false]]);
  assert.equal(lastedMs(batch(), now), 15_000);
  assert.equal(lastedMs(cancelled, now), 4000);
  assert.equal(speed(48_210, 15_000), 3214);
  assert.equal(speedOf(batch(), now), 3120);
  assert.equal(speedOf(batch({ state: 'receiving' }), now), 3214);
  assert.equal(speedOf(cancelled, now), null);
  assert.equal(speed(0, 15_000), null);
  assert.equal(speed(5, 0), null);
});

test('a file’s name tells its form and its table', () => {
  assert.equal(formatOf('prices.CSV'), 'text/csv');
  assert.equal(formatOf('a.json'), 'application/json');
  assert.equal(formatOf('a.jsonl'), 'application/x-ndjson');
  assert.equal(formatOf('prices'), 'application/x-ndjson');
  assert.equal(isPacked('a.csv.gz'), true);
  assert.equal(isPacked('a.csv'), false);
  const table = (/** @type {string} */ name) => ({ name, mode: /** @type {const} */ ('append'), columns: [], schema: false });
  assert.equal(tableFor('Prices-2016.csv', [table('ports'), table('prices')]), 'prices');
  assert.equal(tableFor('x.csv', [table('ports'), table('prices')]), 'ports');
  assert.equal(tableFor('x.csv', []), '');
  assert.equal(labelOf('🦅'.repeat(100)), '🦅'.repeat(60));
  assert.equal(labelOf('\uD800x\n\u0085'), '\uFFFDx  ');
});

test('what goes on tells its percent at once, and speed and time left as soon as they mean something', () => {
  const told = (/** @type {Partial<Parameters<typeof pace>[0]>} */ more) => pace({ from: 0, done: 400, total: 1000, ms: 2000, ...more }, (perS) => `${perS}/s`);
  assert.equal(told({}), '40 % · 200/s · about 3 s left');
  assert.equal(told({ from: 200 }), '40 % · 100/s · about 6 s left');
  assert.equal(told({ done: 999 }), '99 % · 499.5/s · less than 1 s left');
  assert.equal(told({ ms: 999 }), '40 %');
  assert.equal(told({ from: 400 }), '40 %');
  assert.equal(told({ done: 1001 }), '100 %');
  assert.equal(told({ done: 0, total: 0 }), '100 %');
});
