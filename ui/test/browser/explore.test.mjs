// The Events screen against the real binary: what is found, how one gets around in it, and what it says
// when there is nothing or when a part of it fails.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { chord, eachTestHasAServerAndAPage, rows, says, server, waitFor, watched } from './support.mjs';

eachTestHasAServerAndAPage();

const SESSION = 'e2085be5-9137-4e4e-80b5-f1ffddc25423';
const EVENT = '019ab3c1-5f2e-7c3a-9a51-2f6d3c0b7e11';

/** @param {string} [search] */
async function openEvents(search = '') {
  await watched.page.goto(`${server.origin}/ui/events${search}`);
  await says(watched.page, 'connection', /live$/);
  return watched.page;
}

/** Waits until the database has as many events. @param {number} n */
const stored = (n) => waitFor(`${n} are stored`, async () => {
  const answer = await (await fetch(`${server.origin}/events/count?stream=*`)).json();
  return answer.count === n;
});

/** @param {string} name */
const parameter = (name) => new URL(watched.page.url()).searchParams.get(name);

test('nothing, one event, and a range without any: each says where to go', async () => {
  const page = await openEvents();
  await says(page, 'empty', /Waiting for the first event/);
  await server.send({ id: 'a', category: 'shop', name: 'order', timestamp: '2026-01-05T10:00:00Z' });
  await stored(1);
  await page.click('[data-test=refresh]');
  await says(page, 'n-rows', '1 row');
  assert.match((await rows(page).first().textContent()) ?? '', /stored.*events.*shop.*order/);
  await says(page, 'facet-category', /^ ?Category ?shop ?1$/);

  await openEvents('?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z');
  await says(page, 'no-rows', /No event in this range.*newest event came .* \(20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ\).*Show the last 15 min/);
  await page.click('[data-test=show-range]');
  await says(page, 'n-rows', '1 row');
  assert.equal(new URL(page.url()).search, '?last=15m');
  // By the event's own clock it was long ago, beyond every preset.
  await page.selectOption('[data-test=clock]', 'event');
  await says(page, 'no-rows', /newest event happened .*2026-01-05 10:00:00Z.*Show the hours around it/);
  await page.click('[data-test=show-range]');
  await says(page, 'n-rows', '1 row');
  assert.deepEqual([parameter('from'), parameter('clock')], ['2026-01-05T09:00:00.000Z', 'event']);
  await openEvents('?name=nobody');
  await says(page, 'no-match', /No event matches/);
  await page.click('text=Clear filter');
  await says(page, 'n-rows', '1 row');
  await watched.assertClean();
});

test('filter, search and facets: typed or clicked, in the address, and counted', async () => {
  await server.sendMany(30, { category: 'shop', session_id: 's1' });
  await server.sendMany(20, { category: 'page interaction', session_id: 's2' });
  await server.send({ category: 'shop', name: 'from the future', timestamp: '2036-01-01T00:00:00Z' });
  await server.post('/streams/raw', '[1,2]');
  await stored(53);
  const page = await openEvents();
  await says(page, 'n-rows', '53 rows');
  await says(page, 'facet-category', /^ ?Category ?shop ?31 ?page interaction ?20 ?none ?2$/);
  await says(page, 'facet-valid', /✓ valid ?52 ?✗ invalid ?1$/);
  await says(page, 'facet-stream', /events ?51 ?raw ?2$/);
  await says(page, 'histogram', /valid 52 ?invalid 1[^0-9]/);
  await says(page, 'rule', /^ ?\S+ \/timestamp$/);

  await page.click('[data-test=facet-category] >> text=page interaction');
  await says(page, 'n-rows', '20 rows');
  assert.equal(parameter('category'), 'page interaction');
  await says(page, 'histogram', /valid 20 ?invalid 0[^0-9]/);
  await page.fill('#filter', 'EVENT 1');
  await page.keyboard.press('Enter');
  await says(page, 'n-rows', '11 rows');
  assert.equal(parameter('q'), 'EVENT 1');
  await page.click('[data-test=count-matches]');
  await says(page, 'count', '11 matches');
  await page.click('[data-test=facet-category] >> text=page interaction');
  await says(page, 'n-rows', '22 rows');
  await page.goBack();
  await says(page, 'n-rows', '11 rows');
  await page.reload();
  await says(page, 'n-rows', '11 rows');
  assert.equal(await page.locator('[data-test=chip]').count(), 2);
  await page.goForward();
  await says(page, 'n-rows', '22 rows');
  await page.click('[data-test=watch]');
  await says(page, 'matched', '22');
  assert.equal(new URL(page.url()).pathname, '/ui/');
  await watched.assertClean();
});

test('10,000 events: pages of 500, every one once, there and back, and the range stands still meanwhile', async () => {
  await server.sendMany(10_000);
  await stored(10_000);
  const page = await openEvents('?limit=500&last=1h');
  /** @type {string[]} */
  const seen = [];
  const seqs = () => page.locator('[data-test=row]').evaluateAll((found) => found.map((row) => row.getAttribute('data-seq') ?? ''));
  for (let n = 0; n < 20; n += 1) {
    await says(page, 'n-rows', '500 rows');
    await page.waitForFunction((last) => document.querySelector('[data-test=row]')?.getAttribute('data-seq') !== last, seen.at(-500));
    seen.push(...(await seqs()));
    if (n === 0) await server.sendMany(5); // behind the range that the next page pins
    if (n < 19) await page.click('[data-test=older]');
  }
  assert.equal(new Set(seen).size, 10_000);
  assert.deepEqual(seen.map(Number), seen.map(Number).sort((a, b) => b - a));
  assert.ok(await page.isDisabled('[data-test=older]'));
  assert.notEqual(parameter('to'), null);
  assert.ok((await page.evaluate(() => document.querySelectorAll('*').length)) < 12_000);

  await page.click('[data-test=newer]');
  await page.waitForFunction((first) => document.querySelector('[data-test=row]')?.getAttribute('data-seq') === first, seen.at(-1000));
  assert.deepEqual(await seqs(), seen.slice(-1000, -500));
  await page.click('[data-test=older]');
  await page.waitForFunction((first) => document.querySelector('[data-test=row]')?.getAttribute('data-seq') === first, seen.at(-500));
  await page.click('[data-test=newest]');
  await page.waitForFunction((first) => document.querySelector('[data-test=row]')?.getAttribute('data-seq') === first, seen[0]);
  await page.goBack();
  await page.waitForFunction((first) => document.querySelector('[data-test=row]')?.getAttribute('data-seq') === first, seen.at(-500));
  await watched.assertClean();
});

test('the keyboard alone: filter, list, open, neighbours, close, and the row has the focus again', async () => {
  await server.sendMany(5, { category: 'a', session_id: 's' });
  await stored(5);
  const page = await openEvents();
  await says(page, 'n-rows', '5 rows');
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-n') ?? document.activeElement?.id ?? '');
  await chord(page, 'g', 'l');
  await says(page, 'matched', '5');
  await chord(page, 'g', 'e');
  await says(page, 'n-rows', '5 rows');
  await page.keyboard.press('/');
  assert.equal(await focused(), 'filter');
  await page.keyboard.type('category:a*');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-test=chip]');
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.equal(await focused(), '1');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('k');
  assert.equal(await focused(), '1');
  await page.keyboard.press('Enter');
  await says(page, 'facts', /Name ?event 3/);
  await page.keyboard.press(']');
  await says(page, 'facts', /Name ?event 2/);
  await page.keyboard.press('[');
  await page.keyboard.press('[');
  await says(page, 'facts', /Name ?event 4/);
  const open = parameter('event');
  await page.reload();
  await says(page, 'facts', /Name ?event 4/);
  assert.equal(parameter('event'), open);
  await page.click('[data-test=row] >> nth=2');
  await says(page, 'facts', /Name ?event 2/);
  await page.keyboard.press('Escape');
  await page.waitForSelector('[data-test=detail]', { state: 'detached' });
  assert.equal(await focused(), '2');
  await page.click('[data-test=row] >> nth=0');
  await page.click('[aria-label="Only this name"]');
  await says(page, 'n-rows', '1 row');
  assert.equal(new URL(page.url()).pathname, '/ui/events');
  await watched.assertClean();
});

test('an id that is typed or pasted leads to its event or its session', async () => {
  await server.send({ id: EVENT, category: 'a', name: 'x', session_id: SESSION });
  await server.send({ id: 'facets', category: 'a', name: 'of a strange id' });
  await stored(2);
  const page = await openEvents();
  await says(page, 'n-rows', '2 rows');
  await page.fill('#filter', EVENT);
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-test=event-page]');
  assert.equal(new URL(page.url()).pathname, `/ui/events/${EVENT}`);
  await openEvents();
  await page.locator('#filter').evaluate((field, text) => {
    const data = new DataTransfer();
    data.setData('text', ` ${text}\n`);
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, SESSION);
  await page.waitForSelector('[data-test=entry]');
  assert.equal(new URL(page.url()).pathname, `/ui/sessions/${SESSION}`);
  await openEvents();
  await page.fill('#filter', EVENT.replace('019', '018'));
  await page.keyboard.press('Enter');
  await page.waitForSelector('.problems >> text=No event and no session');
  await openEvents('?q=strange');
  await page.click('[data-test=row]');
  await says(page, 'facts', /of a strange id/);
  await watched.assertClean();
});

test('each part fails alone, what was known stays, and Retry mends it', async () => {
  await server.sendMany(3);
  await stored(3);
  const page = watched.page;
  const fail = { status: 500, headers: { 'x-request-id': 'r9' }, json: { detail: 'Out of order.' } };
  for (const [part, pattern] of /** @type {const} */ ([['facets', /\/events\/facets/], ['histogram', /\/events\/histogram/], ['explore', /\/events\?.*preview/]])) {
    await page.route(pattern, (route) => route.fulfill(fail));
    await openEvents();
    await page.waitForSelector(`[data-test=${part}] [data-test=failed]`);
    await says(page, 'failed', /could not be .*Out of order\..*Status 500.*r9/);
    assert.equal(await page.locator('[data-test=failed]').count(), 1);
    if (part !== 'explore') await says(page, 'n-rows', '3 rows');
    if (part !== 'facets') await says(page, 'facet-stream', /events ?3/);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.click('text=Retry');
    await page.waitForSelector('[data-test=failed]', { state: 'detached' });
    await says(page, 'n-rows', '3 rows');
  }
  await page.route(/\/events\?.*preview/, (route) => route.fulfill(fail));
  await page.click('[data-test=refresh]');
  await page.waitForSelector('[data-test=failed]');
  assert.equal(await rows(page).count(), 3);
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await server.kill();
  await page.click('[data-test=failed] >> text=Retry');
  await says(page, 'failed', /cannot be reached/);
  assert.equal(await rows(page).count(), 3);
  const box = await rows(page).last().boundingBox();
  assert.ok(box !== null && box.y + box.height < 780, 'the rows stay in sight');
  await server.start();
  await page.waitForSelector('[data-test=failed]', { state: 'detached' });
  await says(page, 'n-rows', '3 rows');
  await watched.assertClean();
});

test('what was found can be taken along: export, curl, link', async () => {
  await server.sendMany(40, { category: 'a' });
  await server.sendMany(10, { category: "it's" });
  await stored(50);
  await watched.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.origin });
  const page = await openEvents("?category=it's");
  await says(page, 'n-rows', '10 rows');
  /** @param {string} name */
  const choose = async (name) => {
    await page.click('[data-test=export] summary');
    await page.click(`[data-test=export] >> text="${name}"`);
  };
  for (const [name, file, lines] of /** @type {const} */ ([['Export NDJSON', 'eyas-events.ndjson', 10], ['Export CSV', 'eyas-events.csv', 11]])) {
    const [taken] = await Promise.all([page.waitForEvent('download'), choose(name)]);
    assert.equal(taken.suggestedFilename(), file);
    assert.equal((await readFile(await taken.path(), 'utf8')).trim().split('\n').length, lines);
  }
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await choose('Copy as curl');
  await waitFor('the command is copied', async () => (await copied()).startsWith('curl '));
  const { stdout } = await promisify(execFile)('sh', ['-c', `${await copied()} --silent`]);
  assert.equal(JSON.parse(stdout).events.length, 10);
  await choose('Copy link');
  await waitFor('the link is copied', async () => (await copied()).startsWith('http'));
  const link = new URL(await copied());
  assert.equal(link.searchParams.get('category'), "it's");
  const spanMs = Date.parse(link.searchParams.get('to') ?? '') - Date.parse(link.searchParams.get('from') ?? '');
  assert.ok(spanMs >= 86_400_000 && spanMs < 86_401_000, link.search);
  await server.sendMany(3, { category: "it's" });
  await stored(53);
  await page.goto(link.href);
  await says(page, 'n-rows', '10 rows');
  // The list has previews; what is copied is the whole event.
  await page.hover('[data-test=row] >> nth=0');
  await page.click('[data-act=copy] >> nth=0');
  await waitFor('the event is copied', async () => (await copied()).includes('"data":{"at":9}'));
  await page.hover('[data-test=row] >> nth=3');
  await page.click('[data-act=name] >> nth=3');
  await says(page, 'n-rows', '1 row');
  await watched.assertClean();
});

test('a range is drawn with the mouse or written, and the histogram is a table, too', async () => {
  await server.sendMany(10);
  await stored(10);
  const page = await openEvents('?last=15m');
  await says(page, 'histogram', /valid 10/);
  const box = await page.locator('[data-test=histogram] canvas').boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + box.width * 0.3, box.y + 30);
  await says(page, 'histogram', /valid 0 ?invalid 0 ?\d\d:\d\d:\d\d – \d\d:\d\d:\d\d$/);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 30);
  await page.mouse.up();
  await says(page, 'no-rows', /No event in this range/);
  const [from, to] = [Date.parse(parameter('from') ?? ''), Date.parse(parameter('to') ?? '')];
  assert.ok(to - from > 4 * 60_000 && to - from < 6 * 60_000, `${parameter('from')} ${parameter('to')}`);
  assert.equal(await page.getAttribute('[data-test=custom]', 'aria-pressed'), 'true');
  await page.goBack();
  await says(page, 'n-rows', '10 rows');
  await page.click('[data-test=as-table]');
  await page.waitForFunction(() => [...document.querySelectorAll('[data-test=histogram] tbody tr')].some((row) => row.querySelector('td')?.textContent === '10'));

  await page.click('[data-test=time-mode]');
  await page.click('[data-test=time-mode]');
  await page.click('[data-test=custom]');
  await says(page, 'custom-form', /From \(UTC\)/);
  await page.fill('[name=from]', '2020-03-01T10:00:00');
  await page.fill('[name=to]', '2020-03-02T10:00:00');
  await page.click('[data-test=custom-form] >> text=Show');
  await says(page, 'no-rows', /No event in this range/);
  assert.deepEqual([parameter('from'), parameter('to')], ['2020-03-01T10:00:00.000Z', '2020-03-02T10:00:00.000Z']);
  await page.click('[data-test=last-24h]');
  await says(page, 'n-rows', '10 rows');
  await watched.assertClean();
});

test('invalid events show the rule they break, and stand in groups that lead to them', async () => {
  const schema = { properties: { element: { enum: ['hero', 'footer'] } }, required: ['path'] };
  const page = await openEvents('?tab=invalid');
  await says(page, 'no-invalid', /No invalid event in this range/);
  const answer = await fetch(`${server.origin}/schemas`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ category: 'page interaction', name: 'cta click', mode: 'keep', schema }),
  });
  assert.equal(answer.status, 200, await answer.text());
  const click = { category: 'page interaction', name: 'cta click' };
  await server.send({ ...click, data: { element: 'hero', path: '/' } });
  for (let n = 0; n < 3; n += 1) await server.send({ ...click, session_id: 's', data: { element: 'heroe', path: '/' } });
  await server.send({ ...click, data: { element: 'footer' } });
  await server.send({ category: 'other', name: 'cta click', data: {} });
  await stored(6);
  await page.click('[data-test=refresh]');
  await page.waitForSelector('[data-test=groups-row]');
  const groups = (await page.locator('[data-test=groups-row]').allTextContents()).map((text) => text.replace(/\s+/g, ' '));
  assert.equal(groups.length, 2);
  assert.match(groups[0] ?? '', /page interaction \/ ?cta click.*✗ enum \/data\/element ?3/);
  assert.match(groups[1] ?? '', /✗ required \/data\S* ?1/);
  await page.click('[data-test=groups-row] a >> nth=0');
  await says(page, 'n-rows', '4 rows');
  assert.deepEqual([parameter('valid'), parameter('category'), parameter('tab')], ['false', 'page interaction', null]);
  assert.match((await rows(page).nth(1).locator('[data-test=rule]').textContent()) ?? '', /^enum \/data\/element$/);
  assert.equal(await page.locator('[data-test=row] >> text=✗').count(), 4);
  await page.click('[data-test=row]');
  await says(page, 'facts', /Schema ?version 1/);
  await openEvents('?tab=invalid&category=other');
  await says(page, 'no-invalid', /No invalid event/);
  await openEvents('?tab=invalid&session=s');
  await says(page, 'invalid', /the other filters do not count here/);
  await watched.assertClean();
});

test('what Live missed or did not show is found in Events', async () => {
  const { page } = watched;
  await server.sendMany(5, { category: 'before' });
  await page.goto(`${server.origin}/ui/?category=before&category=missed`);
  await says(page, 'matched', '5');
  await server.kill();
  await says(page, 'outage', /Offline/);
  // The page must not come back before the events are there.
  await watched.context.setOffline(true);
  await server.start();
  await server.sendMany(7, { category: 'missed' });
  await watched.context.setOffline(false);
  await says(page, 'outage', /missed 7 · caught up/);
  await page.click('[data-test=missed-range]');
  await says(page, 'n-rows', '7 rows');
  assert.deepEqual(await rows(page).locator('.category').allTextContents(), Array.from({ length: 7 }, () => 'missed'));
  await page.goBack();
  await says(page, 'matched', '12');
  await page.click('[data-test=pause]');
  await server.sendMany(3, { category: 'missed' });
  await says(page, 'not-shown', '3');
  await page.click('[data-test=see-in-events]');
  await page.waitForSelector('[data-test=n-rows]');
  assert.equal(new URL(page.url()).searchParams.getAll('category').length, 2);
  await watched.assertClean();
});
