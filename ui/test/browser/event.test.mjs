// One event: beside Live, on its own page, as a tree.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chord, eachTestHasAServerAndAPage, says, server, watched } from './support.mjs';

eachTestHasAServerAndAPage();

const DATA =
  '{"big":12345678901234567890,"one":1.0,"a":[{"b":[1,2,{"deep":true}]}],"dup":1,"dup":2,"__proto__":{"x":1},"text":"\\u0041\u202Egnp.exe"}';

/** @param {string} id @param {string} data @param {object} [more] */
function post(id, data, more = {}) {
  const envelope = JSON.stringify({ id, category: 'page interaction', name: 'cta click', session_id: 's1', ...more });
  return server.post('/events', `${envelope.slice(0, -1)},"data":${data}}`);
}

/** Waits until the event is in the database. @param {string} id */
async function stored(id) {
  await watched.page.goto(`${server.origin}/ui/events/${id}`);
  await says(watched.page, 'facts', /stored|invalid/);
}

/** The texts of the tree's rows. */
const tree = () => watched.page.locator('[data-test=node]').evaluateAll((rows) => rows.map((row) => (row.textContent ?? '').replace(/\s+/g, ' ').trim()));

/** What was copied last: the page's clipboard is replaced, because a test may not use the real one. */
async function watchCopies() {
  await watched.page.addInitScript(() => {
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (/** @type {string} */ text) => void (/** @type {any} */ (window).__copied = text) } });
  });
}
const copied = () => watched.page.evaluate(() => /** @type {any} */ (window).__copied);

test('the tree shows what was written: numbers, order, repeated and special names, hidden characters', async () => {
  await post('e1', DATA);
  await stored('e1');
  const rows = await tree();
  assert.deepEqual(rows, [
    '▾{ } 7 members', '"big": 12345678901234567890', '"one": 1.0', '▾"a": [ ] 1 element', '▸0: { } 1 member', '"dup": 1',
    '"dup" ⚠ repeated: 2', '▾"__proto__": { } 1 member', '"x": 1', '"text": "\\u0041\\u202Egnp.exe"',
  ]);
  await watched.page.click('[data-test=tab-raw]');
  await says(watched.page, 'raw', DATA.replace('\u202E', '\\u202E'));
  await watched.assertClean();
});

test('the tree by keyboard alone: open, close, walk, copy a value and its pointer', async () => {
  const { page } = watched;
  await watchCopies();
  await post('e1', DATA);
  await stored('e1');
  await page.locator('[data-test=node] >> nth=0').focus();
  const active = async () => ((await page.evaluate(() => document.activeElement?.textContent)) ?? '').replace(/\s+/g, ' ').trim();
  const press = async (/** @type {string} */ key, /** @type {string} */ text) => {
    await page.keyboard.press(key);
    await page.waitForFunction((want) => (document.activeElement?.textContent ?? '').replace(/\s+/g, ' ').trim() === want, text).catch(async () => assert.equal(await active(), text, key));
  };
  await press('End', '"text": "\\u0041\\u202Egnp.exe"');
  await press('Home', '▾{ } 7 members');
  await press('ArrowDown', '"big": 12345678901234567890');
  await press('ArrowDown', '"one": 1.0');
  await press('ArrowDown', '▾"a": [ ] 1 element');
  await press('ArrowRight', '▸0: { } 1 member');
  await press('ArrowRight', '▾0: { } 1 member');
  await press('ArrowRight', '▸"b": [ ] 3 elements');
  await press('Enter', '▾"b": [ ] 3 elements');
  await press('ArrowDown', '0: 1');
  await says(page, 'pointer', '/data/a/0/b/0');
  await press('ArrowLeft', '▾"b": [ ] 3 elements');
  await press('ArrowLeft', '▸"b": [ ] 3 elements');
  await press('ArrowUp', '▾0: { } 1 member');
  await press('ArrowUp', '▾"a": [ ] 1 element');
  await press('ArrowUp', '"one": 1.0');
  await page.click('text=Copy value');
  assert.equal(await copied(), '1.0');
  await page.click('text=Copy pointer');
  assert.equal(await copied(), '/data/one');
  await watched.assertClean();
});

test('children come in chunks, and a large text begins as a summary', async () => {
  const { page } = watched;
  await post('many', `[${Array.from({ length: 450 }, (_, at) => at).join(',')}]`);
  await stored('many');
  assert.equal((await tree()).length, 202);
  await page.click('text=Show 200 more of 250');
  await page.waitForFunction(() => document.querySelectorAll('[data-test=node]').length === 402);
  await page.click('text=Show 50 more of 50');
  await page.waitForFunction(() => document.querySelectorAll('[data-test=node]').length === 451);

  await post('large', `{"first":"${'x'.repeat(300_000)}","second":[${'0,'.repeat(500)}0]}`);
  await stored('large');
  await says(page, 'summary', /2 members in 301 kB\. ?"first" "second" ?Open the tree ?Download/);
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('text=Download')]);
  assert.equal(file.suggestedFilename(), 'eyas-data.json');
  await page.click('text=Open the tree');
  await page.waitForSelector('[data-test=tree]');
  await watched.assertClean();
});

test('times, what lies between them, and a clock that is off', async () => {
  const { page } = watched;
  const at = (/** @type {number} */ ms) => new Date(Date.now() + ms).toISOString();
  await post('soon', '1', { timestamp: at(-2000) });
  await stored('soon');
  await says(page, 'delta', /^\+[0-9.]+ s$/);
  assert.equal(await page.locator('[data-test=skew]').count(), 0);
  await post('ahead', '1', { timestamp: at(20 * 60_000) });
  await stored('ahead');
  await says(page, 'skew', /client’s clock is (19|20) min.* ahead/);
  await says(page, 'errors', /\/timestamp/);
  await post('behind', '1', { timestamp: at(-3_600_000) });
  await stored('behind');
  await says(page, 'skew', /sent 1 h late/);
  await watched.assertClean();
});

test('an error is shown at the place in the data that it speaks of', async () => {
  const { page } = watched;
  await post('e1', '{"a":[1,{"b":[{"c":"no number"}]}]}');
  await page.route(`${server.origin}/events/e1`, async (route) => {
    const text = await (await route.fetch()).text();
    const errors = [{ pointer: '/data/a/1/b/0/c', rule: 'type', message: 'is no number' }, { pointer: '/data/gone', rule: 'required', message: 'is missing' }];
    await route.fulfill({ body: text.replace('"errors":[]', `"errors":${JSON.stringify(errors)}`), contentType: 'application/json' });
  });
  await stored('e1');
  assert.equal(await page.locator('[data-test=errors] button').count(), 1);
  await page.click('text=Show in the data');
  await page.waitForFunction(() => /"c": "no number" ✗ is no number \(type\)/.test((document.activeElement?.textContent ?? '').replace(/\s+/g, ' ')));
  await says(page, 'pointer', '/data/a/1/b/0/c');
  await watched.assertClean();
});

test('a queued event says so and turns into a stored one by itself', async () => {
  const { page } = watched;
  await post('e1', '1');
  let isQueued = true;
  await page.route(`${server.origin}/events/e1`, async (route) => {
    const text = await (await route.fetch()).text();
    await route.fulfill({ body: isQueued ? text.replace(/"state":"\w+"/, '"state":"queued"') : text, contentType: 'application/json' });
  });
  await page.goto(`${server.origin}/ui/events/e1`);
  await says(page, 'facts', /queued position ~\d+ in the queue/);
  isQueued = false;
  await says(page, 'facts', /stored/);
  await watched.assertClean();
});

test('no such event, several of one id, a failing server: each says what it is', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/events/none`);
  await says(page, 'missing', /no event with this id.*none.*even while it waits/);
  await post('none', '1');
  await page.click('text=Look again');
  await says(page, 'facts', /cta click/);

  // Pages read "queued" and "stored" events alike, and streams have ids of their own.
  await page.route(`${server.origin}/events/twice`, (route) => route.fulfill({ status: 409, json: { code: 'ambiguous_id', detail: 'two', streams: ['events', 'other'] }, contentType: 'application/problem+json' }));
  await page.goto(`${server.origin}/ui/events/twice`);
  await says(page, 'several', /events.*other/);
  await page.click('[data-test=several] a >> nth=1');
  await says(page, 'missing', /no event/);
  assert.equal(new URL(page.url()).search, '?stream=other');

  await page.route(`${server.origin}/events/e2`, (route) => route.fulfill({ status: 500, headers: { 'x-request-id': 'r7' }, json: { detail: 'The database is away.' } }));
  await page.goto(`${server.origin}/ui/events/e2`);
  await says(page, 'failed', /could not be read.*database is away.*Status 500.*r7/);
  await page.unroute(`${server.origin}/events/e2`);
  await post('e2', '1');
  await page.click('text=Retry');
  await says(page, 'facts', /cta click/);
  await server.kill();
  await page.evaluate(() => history.pushState(null, '', '/ui/events/e3'));
  await page.evaluate(() => dispatchEvent(new PopStateEvent('popstate')));
  await says(page, 'failed', /cannot be reached/);
  await watched.assertClean();
});

test('the open event is in the address: reload, back, forward, a link of its own, more like this', async () => {
  const { page } = watched;
  await watchCopies();
  for (const at of [1, 2, 3]) await post(`ev-${at}`, String(at), { name: `n${at}` });
  await stored('ev-3');
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'matched', '3');
  await page.click('[data-test=row] >> nth=2');
  await says(page, 'facts', /ev-1/);
  assert.equal(new URL(page.url()).search, '?event=ev-1');
  await page.keyboard.press('[');
  await says(page, 'facts', /ev-2/);
  await page.reload();
  await says(page, 'facts', /ev-2/);
  await page.goBack();
  await page.waitForSelector('[data-test=detail]', { state: 'detached' });
  await page.goForward();
  await says(page, 'facts', /ev-2/);
  await page.keyboard.press('y');
  await page.waitForFunction(() => /** @type {any} */ (window).__copied !== undefined);
  assert.equal(await copied(), `${server.origin}/ui/events/ev-2`);
  await page.keyboard.press('Shift+C');
  await page.waitForFunction(() => String(/** @type {any} */ (window).__copied).startsWith('curl -X POST'));
  await page.click('text=Open as page');
  await page.waitForSelector('[data-test=event-page]');
  await says(page, 'facts', /ev-2/);
  assert.equal(await page.title(), 'Event ev-2 · Eyas');
  await page.keyboard.press(']');
  await says(page, 'facts', /ev-1/);
  await page.keyboard.press(']');
  await page.waitForSelector('text=This is the oldest event of its stream.');
  await page.keyboard.press('[');
  await says(page, 'facts', /ev-2/);
  await page.click('[data-test=like]');
  await says(page, 'matched', '1');
  assert.equal(new URL(page.url()).search, '?category=page+interaction&name=n2');
  await page.goBack();
  await page.waitForSelector('[data-test=event-page]');
  await watched.assertClean();
});

test('screens by keyboard, and an address that names none', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/nothing/here`);
  await says(page, 'no-screen', /no such screen/);
  await chord(page, 'g', 'h');
  await page.waitForSelector('[data-test=health]');
  await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
  await chord(page, 'g', 'l');
  await says(page, 'connection', /live$/);
  await says(page, 'empty', /Waiting for the first event/);
  assert.equal(new URL(page.url()).pathname, '/ui/');
  await page.goBack();
  await page.waitForSelector('[data-test=health]');
  await watched.assertClean();
});
