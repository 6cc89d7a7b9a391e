// The timeline of a session: order, gaps, what did not arrive in order, categories, pages, exports.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, says, server, watched } from './support.mjs';

eachTestHasAServerAndAPage();

const START_MS = Date.UTC(2026, 10, 1, 8);

/** @param {number} at @param {number} s @param {object} [more] */
function event(at, s, more = {}) {
  return { id: `e${at}`, session_id: 's1', category: 'a', name: `n${at}`, timestamp: new Date(START_MS + s * 1000).toISOString(), data: { at }, ...more };
}

/** @param {object[]} events */
function send(events) {
  return server.post('/events', events.map((each) => JSON.stringify(each)).join('\n'), 'application/x-ndjson');
}

/** Opens the session once all its events are in the database. @param {number} n @param {string} [search] */
async function open(n, search = '') {
  const { page } = watched;
  const text = async () => (await fetch(`${server.origin}/sessions/s1`, { headers: { accept: 'application/x-ndjson' } })).text();
  for (const deadline = Date.now() + 15_000; (await text()).split('\n').length - 1 < n; ) assert.ok(Date.now() < deadline, 'stored in time');
  await page.goto(`${server.origin}/ui/sessions/s1${search}`);
  await page.waitForSelector('[data-test=entry]');
}

const names = () => watched.page.locator('[data-test=entry] a').allTextContents();

test('events stand in the order in which they happened, with gaps, and what arrived out of order is marked', async () => {
  const { page } = watched;
  await send([event(0, 0), event(2, 5), event(3, 197), event(1, 2), event(4, 198, { category: 'b' }), { ...event(5, 0), timestamp: new Date(Date.now() + 3_600_000).toISOString() }]);
  await open(6);
  assert.deepEqual(await names(), ['n0', 'n1', 'n2', 'n3', 'n4', 'n5']);
  const marked = await page.locator('[data-test=entry]:has-text("out of order") a').allTextContents();
  assert.deepEqual(marked, ['n1']);
  assert.equal((await page.locator('[data-test=gap]').allTextContents())[0], '3 min 12 s');
  assert.equal(await page.locator('[data-test=entry]:has-text("invalid") a').textContent(), 'n5');
  await says(page, 'numbers', /6 events over .* 1 invalid · ↕ 1 arrived out of order/);

  await page.click('[data-test=elapsed]');
  await page.waitForFunction(() => document.querySelectorAll('[data-test=entry] time')[3]?.textContent === '+3:17.000');
  await page.click('[data-test=category] >> nth=0');
  await says(page, 'hidden', /5 of 6 are hidden/);
  assert.deepEqual(await names(), ['n4']);
  await page.reload();
  await says(page, 'hidden', /5 of 6 are hidden/);
  assert.equal(await page.locator('[data-test=entry] time').textContent(), '+3:18.000');
  await page.goBack();
  await page.waitForFunction(() => document.querySelectorAll('[data-test=entry]').length === 6);
  await page.click('[data-test=entry] a >> nth=1');
  await page.waitForSelector('[data-test=event-page]');
  await page.click('[data-test=facts] a[href="/ui/sessions/s1"]');
  await page.waitForSelector('[data-test=entry]');
  await watched.assertClean();
});

test('10,000 events: a thousand a page, every one once, back and forward, and all of them in the export', async () => {
  const { page } = watched;
  for (let part = 0; part < 10; part += 1) await send(Array.from({ length: 1000 }, (_, at) => event(part * 1000 + at, part * 1000 + at)));
  await open(10_000);
  /** @type {string[]} */
  const seen = [];
  for (let part = 0; part < 3; part += 1) {
    await page.waitForFunction((first) => document.querySelector('[data-test=entry] a')?.textContent === first, `n${part * 1000}`);
    seen.push(...(await names()));
    await page.click('[data-test=later]');
  }
  assert.deepEqual(seen, Array.from({ length: 3000 }, (_, at) => `n${at}`));
  await page.waitForFunction(() => document.querySelector('[data-test=entry] a')?.textContent === 'n3000');
  await says(page, 'numbers', /^ ?1,000 events on this page/);
  await page.click('[data-test=earlier]');
  await page.waitForFunction(() => document.querySelector('[data-test=entry] a')?.textContent === 'n2000');
  await page.reload();
  await page.waitForFunction(() => document.querySelector('[data-test=entry] a')?.textContent === 'n2000');
  await page.click('[data-test=first]');
  await page.waitForFunction(() => document.querySelector('[data-test=entry] a')?.textContent === 'n0');
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('text=Export NDJSON')]);
  const lines = (await readFile(await file.path(), 'utf8')).trimEnd().split('\n');
  assert.deepEqual(lines.map((line) => JSON.parse(line).name), Array.from({ length: 10_000 }, (_, at) => `n${at}`));
  await watched.assertClean();
});

test('an export is a file in the form that was asked for, or a reason', async () => {
  const { page } = watched;
  await send([event(0, 0)]);
  await open(1);
  const path = `${server.origin}/sessions/s1`;
  await page.route(path, (route) => route.fulfill({ body: 'id,seq\ne0,1\n', contentType: 'text/csv; charset=utf-8' }));
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('text=Export CSV')]);
  assert.equal(file.suggestedFilename(), 'eyas-session.csv');
  assert.equal(await readFile(await file.path(), 'utf8'), 'id,seq\ne0,1\n');
  await page.unroute(path);
  await page.route(path, (route) => route.fulfill({ json: { events: [] } }));
  await page.click('text=Export CSV');
  await page.waitForSelector('text=The export failed: The server does not give text/csv here.');
  await page.unroute(path);
  await page.route(path, (route) => route.fulfill({ status: 503, json: { detail: 'Busy.' } }));
  await page.click('text=Export NDJSON');
  await page.waitForSelector('text=The export failed: Busy.');
  await watched.assertClean();
});

test('one event, none, and a server that fails', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/sessions/s1`);
  await says(page, 'empty', /No event of this session/);
  await send([event(0, 0)]);
  await open(1);
  await says(page, 'numbers', /1 event over 0 s/);
  await page.route(/\/sessions\/s1\?/, (route) => route.fulfill({ status: 503, headers: { 'x-request-id': 'r8' }, json: { detail: 'The backlog is too long.' } }));
  await page.click('text=Reload');
  await says(page, 'failed', /could not be read.*backlog is too long.*503.*r8/);
  assert.deepEqual(await names(), ['n0'], 'what was read stays');
  await page.unroute(/\/sessions\/s1\?/);
  await page.click('text=Retry');
  await page.waitForSelector('[data-test=failed]', { state: 'detached' });
  await server.kill();
  await page.click('text=Reload');
  await says(page, 'failed', /cannot be reached/);
  assert.deepEqual(await names(), ['n0']);
  await watched.assertClean();
});
