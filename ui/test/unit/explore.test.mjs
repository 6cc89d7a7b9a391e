// The address of the Events screen: read and written without loss, and what is asked of the server for it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

process.env.TZ = 'Europe/Berlin';

const { changed, filterQuery, fromField, invalidQuery, pageQuery, pinned, presetFor, queryOf, rangeOf, toField, wantedOf } = await import('../../lib/explore.js');

const NOW_MS = Date.parse('2026-11-21T12:00:00Z');
/** @param {string} query */
const read = (query) => wantedOf(new URLSearchParams(query));

test('an address comes back as it was, and defaults are left out', () => {
  for (const query of [
    '', 'last=15m', 'last=7d', 'category=a+b&name=x*&valid=false&q=cta', 'from=2026-11-20T00%3A00%3A00.000Z&to=2026-11-21T00%3A00%3A00Z',
    'to=2026-11-21T00%3A00%3A00Z', 'clock=event', 'limit=50', 'from=2026-11-20T00%3A00%3A00Z&after=0a1b2c3d.42&order=asc', 'tab=invalid',
  ]) assert.equal(queryOf(read(query)).toString(), query);
});

test('what an address says wrongly is as if it were not there', () => {
  assert.deepEqual(read('last=1y&from=yesterday&to=&clock=mine&limit=7&order=up&tab=x&valid=maybe&name='), read(''));
  assert.deepEqual(read('last=24h&limit=100&clock=received&order=desc&tab=events&event=x&utm=1'), read(''));
  // A pinned range is what counts, so a preset beside it is dropped.
  assert.equal(queryOf(read('last=1h&from=2026-11-20T00:00:00Z')).toString(), 'from=2026-11-20T00%3A00%3A00Z');
});

test('a preset ends where events end, a pinned range where it says', () => {
  assert.deepEqual(rangeOf(read('last=1h'), NOW_MS), { from: '2026-11-21T11:00:00.000Z', to: null });
  assert.deepEqual(rangeOf(read(''), NOW_MS), { from: '2026-11-20T12:00:00.000Z', to: null });
  assert.deepEqual(rangeOf(read('to=2026-11-21T00:00:00Z'), NOW_MS), { from: null, to: '2026-11-21T00:00:00Z' });
  const wanted = read('last=1h&name=x');
  const link = pinned(wanted, rangeOf(wanted, NOW_MS), NOW_MS);
  assert.equal(queryOf(link).toString(), 'name=x&from=2026-11-21T11%3A00%3A00.000Z&to=2026-11-21T12%3A00%3A00.000Z');
  assert.deepEqual(pinned(link, rangeOf(link, NOW_MS + 1), NOW_MS + 1), link);
});

test('another filter or range begins at the first page', () => {
  const paged = read('from=2026-11-20T00:00:00Z&after=0a1b2c3d.42&order=asc&limit=50');
  assert.equal(queryOf(changed(paged, { terms: [{ field: 'name', value: 'x' }] })).toString(), 'name=x&from=2026-11-20T00%3A00%3A00Z&limit=50');
});

test('the questions to the server', () => {
  const wanted = read('name=x&q=cta&clock=event&limit=50&after=0a1b2c3d.42&tab=invalid');
  const range = { from: '2026-11-20T00:00:00Z', to: null };
  assert.equal(filterQuery(wanted, range).toString(), 'name=x&q=cta&stream=*&from=2026-11-20T00%3A00%3A00Z&clock=event');
  assert.equal(pageQuery(wanted, range).toString(), `${filterQuery(wanted, range)}&order=desc&limit=50&after=0a1b2c3d.42`);
  assert.equal(filterQuery(read('stream=raw'), { from: null, to: null }).toString(), 'stream=raw');
  assert.equal(invalidQuery(wanted, range).toString(), 'name=x&from=2026-11-20T00%3A00%3A00Z');
  assert.equal(invalidQuery(read('name=x&name=y&stream=raw'), { from: null, to: null }).toString(), 'name=x&name=y');
});

test('the smallest preset that reaches an event, if any does', () => {
  const reach = (/** @type {number} */ agoS) => presetFor(NOW_MS - agoS * 1000, NOW_MS)?.[0];
  assert.deepEqual([10, 1000, 80_000, 500_000, 700_000, -5].map(reach), ['15m', '1h', '24h', '7d', undefined, undefined]);
});

test('fields for date and time know no zone: they are read as what the label says', () => {
  assert.equal(toField('2026-11-21T12:00:05.123456Z', 'utc'), '2026-11-21T12:00:05');
  assert.equal(toField('2026-11-21T12:00:05Z', 'local'), '2026-11-21T13:00:05');
  assert.equal(toField('2026-07-01T12:00:00Z', 'local'), '2026-07-01T14:00:00');
  assert.equal(toField(null, 'utc'), '');
  for (const mode of /** @type {const} */ (['local', 'utc'])) {
    for (const at of ['2026-11-21T12:00:05.000Z', '2026-07-01T00:30:00.000Z', '2026-10-25T03:30:00.000Z']) assert.equal(fromField(toField(at, mode), mode), at);
    for (const text of ['', 'x', '2026-13-01T00:00']) assert.equal(fromField(text, mode), null);
  }
});
