// A real table and a real query, through the console alone: a file is checked, uploaded in parts over a server that is
// killed, rejected with its errors, cancelled; and what came of it is asked by SQL.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, says, server, watched } from './support.mjs';

const CONFIG = `
[tables.prices]
migrations = "migrations/"

[queries.totals]
path = "/totals"
sqlite = "queries/totals.sql"
description = "What there is, by day"
params = { day_from = { type = "date", default = "2016-01-01" }, codes = { type = "text[]", optional = true } }

[sql]
enabled = true
`;
const MIGRATION = 'CREATE TABLE prices (orig_code text NOT NULL, day date NOT NULL, price integer NOT NULL, note text DEFAULT \'x\');\n';
const QUERY = `SELECT day, count(*) AS n, max(price) + 9007199254740993 AS big FROM prices
WHERE day >= :day_from AND (:codes IS NULL OR orig_code IN (SELECT value FROM json_each(:codes))) GROUP BY day ORDER BY day DESC
`;

eachTestHasAServerAndAPage({ 'eyas.toml': CONFIG, 'migrations/0001_prices.sql': MIGRATION, 'queries/totals.sql': QUERY });

/** Long rows: parts are counted in bytes, and the debug build judges row by row. @param {number} n @param {number} [wrongAt] */
const lines = (n, wrongAt = -1) => Array.from({ length: n }, (_, at) => JSON.stringify({ orig_code: `C${at % 7}`, day: `2016-01-0${1 + (at % 5)}`, price: at === wrongAt ? '12,5' : at, note: '<img src=x onerror=window.__pwn=1>'.repeat(30) })).join('\n');
/** @param {string} name @param {string} text */
const file = (name, text) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });

test('the empty screens tell what to do, and hold no fault', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/batches`);
  await says(page, 'curl', new RegExp(`curl .*--data-binary @prices\\.ndjson .*${server.origin}/tables/prices/batches`));
  await page.goto(`${server.origin}/ui/sql`);
  await says(page, 'query-link', /totals ?GET \/totals · scope read ?takes codes, day_from ?no call yet/);
  await watched.assertClean();
});

test('checked, uploaded for real in parts, and asked by a query and by SQL of one’s own', async () => {
  const { page } = watched;
  const text = lines(6_000);
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=choose-file]');
  await page.setInputFiles('[data-test=file]', file('prices <b>1</b>.ndjson', text));
  assert.match((await page.locator('[data-test=columns]').textContent()) ?? '', /orig_code text.*needed.*price integer.*needed.*note text.*has a default/i);
  await page.click('[data-test=go]');
  await says(page, 'verdict', '✓ 6,000 rows checked, and none is wrong. Nothing was stored yet.');
  assert.equal((await (await fetch(`${server.origin}/batches`)).json()).batches.length, 0);
  await page.click('[data-test=for-real]');
  await says(page, 'outcome', /✓ Committed: all 6,000 rows stored/);
  await says(page, 'batch-facts', /tableprices.*rows6,000.*idempotency keyconsole-/);
  await page.goto(`${server.origin}/ui/sql/totals`);
  await page.fill('[name=codes]', 'C1\nC2');
  await page.click('[data-test=run]');
  await says(page, 'answer-facts', /^5 rows/);
  const cells = await page.locator('[data-test=answer-row] td').allTextContents();
  assert.equal(cells[0], '2016-01-05');
  assert.match(cells[2] ?? '', /^90071992547[0-9]{5}$/);
  await page.goto(`${server.origin}/ui/sql`);
  await page.fill('[data-test=sql]', 'select count(*) as n, 12345678901234567 as big from prices');
  await page.keyboard.press('Control+Enter');
  await says(page, 'answer-facts', /^1 row/);
  assert.deepEqual(await page.locator('[data-test=answer-row] td').allTextContents(), ['6000', '12345678901234567']);
  await page.fill('[data-test=sql]', 'delete from prices');
  await page.keyboard.press('Control+Enter');
  await says(page, 'refused', /Not run\..+/);
  await watched.assertClean();
});

test('one wrong row: the batch is rejected, and its error is on the page and in the file', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=choose-file]');
  await page.setInputFiles('[data-test=file]', file('prices.ndjson', lines(300, 250)));
  await page.click('[data-test=go]');
  await says(page, 'verdict', '✗ 1 error in 300 rows. Nothing was stored.');
  await says(page, 'row-errors-row', /line 251.*row 251.*\/price/);
  await page.click('text=Choose another file');
  await page.setInputFiles('[data-test=file]', file('prices.ndjson', lines(300, 250)));
  await page.uncheck('[data-test=dry-run]');
  await says(page, 'go', 'Upload for real');
  await page.click('[data-test=go]');
  await says(page, 'outcome', /✗ Rejected: 0 of 300 rows stored/);
  await says(page, 'row-errors-row', /line 251/);
  const [saved] = await Promise.all([page.waitForEvent('download'), page.click('[data-test=all-errors]')]);
  assert.equal(saved.suggestedFilename(), 'eyas-batch-errors.ndjson');
  await page.goto(`${server.origin}/ui/batches?state=rejected`);
  await says(page, 'batch-list-row', /prices\.ndjson.*✗ rejected/);
  await page.goto(`${server.origin}/ui/batches?state=committed`);
  await says(page, 'no-match', /No batch matches/);
  await watched.assertClean();
});

test('the server is killed in the middle: the upload goes on by itself, and every row is there once', async () => {
  const { page } = watched;
  const text = lines(8_000);
  assert.ok(text.length > 8 << 20);
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=choose-file]');
  await page.setInputFiles('[data-test=file]', file('prices.ndjson', text));
  await page.uncheck('[data-test=dry-run]');
  let nParts = 0;
  await page.route(/\/batches\/[^/]+$/, async (route) => {
    if (route.request().method() === 'PATCH' && (nParts += 1) === 2) {
      await server.kill();
      return route.abort('connectionreset');
    }
    return route.fallback();
  });
  await page.click('[data-test=go]');
  await says(page, 'upload-state', /Trying again/);
  await server.start();
  await says(page, 'outcome', /✓ Committed: all 8,000 rows stored/);
  const { rows } = await (await fetch(`${server.origin}/sql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"sql":"select count(*), count(distinct price) from prices"}' })).json();
  assert.deepEqual(rows, [[8_000, 8_000]]);
});

test('paused, left, gone on with from the batch’s page, and cancelled', async () => {
  const { page } = watched;
  const text = lines(8_000);
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=choose-file]');
  await page.setInputFiles('[data-test=file]', file('prices.ndjson', text));
  await page.uncheck('[data-test=dry-run]');
  let isHeld = true;
  await page.route(/\/batches\/[^/]+$/, (route) => (isHeld && route.request().headers()['upload-offset'] !== '0' && route.request().method() === 'PATCH' ? undefined : route.fallback()));
  await page.click('[data-test=go]');
  await page.waitForFunction(() => /^[3-9]/.test(document.querySelector('[data-test=bar-text]')?.textContent ?? ''));
  await page.click('[data-test=pause-upload]');
  await says(page, 'upload-state', /Paused/);
  // Whoever comes later with the same file sends the rest only.
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  isHeld = false;
  const { batches } = await (await fetch(`${server.origin}/batches`)).json();
  assert.equal(batches[0].state, 'receiving');
  await page.close({ runBeforeUnload: false });
  const later = await watched.context.newPage();
  await later.goto(`${server.origin}/ui/batches/${batches[0].id}`);
  await says(later, 'go-on', /of the file are here/);
  /** @type {string[]} */
  const offsets = [];
  later.on('request', (request) => request.method() === 'PATCH' && offsets.push(request.headers()['upload-offset'] ?? ''));
  await later.setInputFiles('[data-test=file]', file('prices.ndjson', text));
  await says(later, 'outcome', /✓ Committed: all 8,000 rows stored/);
  // A part that was broken off may still have been taken in full.
  assert.ok(Number(offsets[0]) > 0 && Number(offsets[0]) >= batches[0].upload_offset, `${offsets[0]}, ${batches[0].upload_offset}`);

  const begun = await fetch(`${server.origin}/tables/prices/batches`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson', 'upload-complete': '?0' }, body: lines(10) + '\n' });
  assert.equal(begun.status, 201);
  await later.goto(`${server.origin}/ui${begun.headers.get('location')}`);
  await later.click('[data-test=cancel]');
  await later.click('[data-test=ask] button.primary');
  await says(later, 'outcome', /○ Cancelled: 0 of \d+ rows? stored/);
});
