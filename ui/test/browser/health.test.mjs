// Health says what is so, in a sentence and in charts, over a restart and without a server.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { accessibilityFaults, eachTestHasAServerAndAPage, says, server, watched } from './support.mjs';

eachTestHasAServerAndAPage();

const CHARTS = 10;

test('empty, then with traffic: a sentence, numbers, every chart and its table', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/health`);
  await says(page, 'sentence', /^ ?✓ Healthy\./);
  await says(page, 'no-traffic', /No event was accepted in this range. Try eyas load/);
  assert.equal(await page.locator('[data-test=chart] canvas').count(), CHARTS);
  await server.sendMany(1000);
  await says(page, 'numbers', /accepted since the start1,000/);
  await page.waitForSelector('[data-test=no-traffic]', { state: 'detached' });
  await page.click('[data-test=as-table] >> nth=0');
  await page.waitForFunction(() => document.querySelectorAll('[data-test=chart] tbody tr').length === 60);
  await page.waitForFunction(() => [...document.querySelectorAll('[data-test=chart] tbody tr')].some((row) => /[1-9][0-9,.]*\/s/.test(row.textContent ?? '')));
  await page.waitForFunction(() => document.querySelector('[data-test=chart] tbody tr:last-child td')?.textContent === '–', undefined);
  await watched.assertClean();
});

test('the range is in the address, and a restart is a mark and a hole', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/health`);
  await page.waitForSelector('[data-test=charts]');
  for (const range of ['1h', '24h', '30d']) {
    await page.click(`[data-test=range-${range}]`);
    await page.waitForFunction((name) => document.querySelector(`[data-test=range-${name}]`)?.getAttribute('aria-pressed') === 'true', range);
    assert.equal(new URL(page.url()).searchParams.get('range'), range);
  }
  await page.goBack();
  await page.waitForFunction(() => document.querySelector('[data-test=range-24h]')?.getAttribute('aria-pressed') === 'true');
  await page.reload();
  await page.waitForFunction(() => document.querySelector('[data-test=range-24h]')?.getAttribute('aria-pressed') === 'true');
  await page.goto(`${server.origin}/ui/health`);
  await page.waitForSelector('[data-test=charts]');
  await server.kill('SIGTERM');
  await says(page, 'sentence', /No state of the server for \d+ s\. The server cannot be reached/);
  assert.equal(await page.locator('[data-test=chart]').count(), CHARTS, 'what was known stays');
  await says(page, 'old', /stand still/);
  await server.start();
  await says(page, 'sentence', /Healthy/);
  await page.waitForFunction(() => document.querySelectorAll('.mark-text').length >= 3);
  await watched.assertClean();
});

test('behind, limited, waiting: the words follow the server', async () => {
  const { page } = watched;
  const real = await (await fetch(`${server.origin}/status`)).json();
  /** @param {object} more */
  const answer = (more) => page.route(/\/status$/, (route) => route.fulfill({ json: { ...real, ...more } }));
  await answer({
    lag: { records: 12_431, seconds: 42.5 },
    limits: { stage: 'database', sentence: 'Database silent since 14:02:11. Still accepting. 12,431 queued; disk for about 3 h at this rate.', drain_s: 90, busy: { accept: 0.2, fsync: 0.4, apply: 0.97, push: 0 } },
    consumer: { state: 'waiting', reason: 'the database is locked' },
    disk: { free_bytes: 5e9, total_bytes: 1e11, log_bytes: 2e9, seconds_left: 10_800 },
  });
  await page.goto(`${server.origin}/ui/health`);
  await says(page, 'sentence', /^ ?✗ Database silent since 14:02:11\. Still accepting\./);
  await says(page, 'stage-apply', /Database limits.*97 %/);
  await says(page, 'stage-disk', /5 GB of 100 GB free ?full in about 3 h/);
  await says(page, 'limits', /queue is empty in about 2 min/);
  const gauge = page.locator('[data-test=gauge]');
  assert.equal(await gauge.getAttribute('aria-valuetext'), '42.5 s, ✗ far behind, 12,431 events wait');
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await answer({ lag: { records: 5, seconds: 3 } });
  await page.waitForFunction(() => document.querySelector('[data-test=gauge]')?.getAttribute('aria-valuetext') === '3 s, ⚠ behind, 5 events wait');
  const lane = {
    log: { bytes: 1e6, bytes_max: 8e9 }, lag: { batches: 2, seconds: 20 }, receiving: 0, queued: 2, applying: null,
    consumer: { state: 'stopped', reason: 'batch b1 for the table "prices" stands in the way: no right' }, counts: { committed: 0, rejected: 0, cancelled: 0 },
  };
  await answer({ limits: { ...real.limits, stage: 'batches', sentence: 'Batches stand still: no right.' }, batches: lane });
  await says(page, 'sentence', /^ ?✗ Batches stand still: no right\./);
  await says(page, 'lane', /The lane is stopped: batch b1 for the table "prices" stands in the way/);
  await watched.assertClean();
});

test('a failing server is told apart from one that is away, and nothing is asked while nobody looks', async () => {
  const { page } = watched;
  await page.clock.install();
  const look = (/** @type {boolean} */ isSeen) =>
    page.evaluate((seen) => {
      Object.defineProperty(document, 'hidden', { value: !seen, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, isSeen);
  await page.route(/\/status/, (route) => route.fulfill({ status: 500, headers: { 'x-request-id': 'r9' }, json: { detail: 'Out of order.' } }));
  await page.goto(`${server.origin}/ui/health`);
  await says(page, 'failed', /state could not be read.*Out of order.*Status 500.*r9/);
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.waitForSelector('[data-test=charts]');
  await look(false);
  let nAsked = 0;
  page.on('request', (request) => (nAsked += Number(request.url().includes('/status'))));
  await page.clock.runFor(60_000);
  assert.equal(nAsked, 0);
  await Promise.all([page.waitForRequest(/\/status/), look(true)]);
  await watched.assertClean();
});

const DOWN = { kind: 'postgres', state: 'down', since: '2026-11-20T14:02:11Z', detail: 'connection refused <b>x</b>', version: '15.2' };

test('a database that is down is said on Health and on Live, and what waits is counted', async () => {
  const { page } = watched;
  await server.sendMany(2);
  const real = await (await fetch(`${server.origin}/status`)).json();
  const lane = {
    log: { bytes: 1000, bytes_max: 2_000_000 }, lag: { batches: 2, seconds: 4 }, receiving: 1, queued: 2, consumer: { state: 'running', reason: null },
    applying: { id: 'b2', table: 'prices', rows: 48_210, rows_applied: 31_200 }, counts: { committed: 7, rejected: 1, cancelled: 0 },
  };
  let database = DOWN;
  await page.route(/\/status$/, (route) => route.fulfill({ json: { ...real, database, batches: lane, lag: { records: 12_431, seconds: 42 } } }));
  await page.goto(`${server.origin}/ui/health`);
  await says(page, 'database-down', /The database \(PostgreSQL\) does not answer since .* 12,431 wait\. connection refused <b>x<\/b>/);
  assert.match((await page.getAttribute('[data-test=sentence]', 'class')) ?? '', /sentence-bad/);
  await says(page, 'database-state', '✗ down');
  await says(page, 'lane', /Applying a batch to prices.*31,200 of 48,210 rows.*receiving1waiting2oldest waits for4 s/);
  assert.equal(await page.getAttribute('[data-test=lane] [role=progressbar]', 'aria-valuetext'), '31,200 of 48,210 rows');
  database = { ...DOWN, state: 'up' };
  await says(page, 'database-state', '✓ up');
  assert.equal(await page.locator('[data-test=database-down]').count(), 0);
  assert.deepEqual(await accessibilityFaults(page), []);

  // Live asks only once rows wait.
  database = DOWN;
  await page.routeWebSocket(/\/live/, (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((message) => {
      const told = JSON.parse(String(message));
      socket.send(told.type === 'stats' ? JSON.stringify({ ...told, lag_s: 42, lag_records: 12_431 }) : message);
    });
  });
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'database-down', /The database \(PostgreSQL\) does not answer/);
  await watched.assertClean();
});
