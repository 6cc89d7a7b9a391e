// What a page looks like when it is given more than it likes: hundreds of columns, names as long as they may be, a phone.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, rows, server, visit, watched } from './support.mjs';
import { answers, batchOf, tell } from './told.mjs';

eachTestHasAServerAndAPage();

const LONG_NAME = 'a_table_with_as_many_letters_as_a_name_may_have_which_are_63_xx';

/** How many lines each of these stands in. @param {import('playwright-core').Page} page @param {string} selector */
const lines = (page, selector) => page.locator(selector).evaluateAll((found) => found.map((each) => {
  const range = document.createRange();
  range.selectNodeContents(each);
  return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
}));

test('an answer of two hundred columns is read by scrolling, not letter by letter', async () => {
  const { page } = watched;
  const row = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`column_${at}`, at === 0 ? 'x'.repeat(400) : at === 1 ? 'some words '.repeat(60) : at]));
  await tell(page, answers('rates', 1).set('/rates', { rates: [row] }));
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`${server.origin}/ui/sql/rates?p.day=2016-01-01&run=1`);
    await page.waitForSelector('[data-test=answer-row]');
    assert.deepEqual(new Set(await lines(page, '[data-test=answer-table] th .u')), new Set([1]));
    const widest = await page.locator('[data-test=answer-row] td').evaluateAll((cells) => Math.max(...cells.map((cell) => cell.clientWidth)));
    assert.ok(widest < 520 && widest > 200, `${widest} px`);
    assert.equal(await page.evaluate(() => document.querySelector('main')?.scrollWidth === document.querySelector('main')?.clientWidth), true);
  }
});

test('beside the longest name, amounts keep their unit and words their letters; on a phone nothing sticks out', async () => {
  const { page } = watched;
  const batches = Array.from({ length: 6 }, (_, at) => ({ ...batchOf('prices', at), table: LONG_NAME, ended_at: null, label: 'prices of a whole year.csv' }));
  const group = { reason: 'refused', application: null, stream: 'events', category: 'a category of many words '.repeat(4), name: 'a name of many words '.repeat(4), count: 3, first_seen: '2026-11-20T10:00:00Z', last_seen: '2026-11-20T10:00:00Z', sample: { seq: 1, detail: 'words of the database '.repeat(5) } };
  const told = answers(LONG_NAME, 6).set('/batches', { batches, next: null }).set('/dead-letters', { groups: [group], counts: { open: 3, replayed: 0, discarded: 0 } });
  await tell(page, told);
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=batch-list-row]');
  assert.deepEqual(new Set(await lines(page, '[data-test=batch-list] div.short')), new Set([1]));
  await visit(page, '/ui/dead');
  await page.waitForSelector('[data-test=dead-groups-row]');
  assert.deepEqual(await lines(page, '[data-test=dead-groups-row] td:nth-of-type(2) .u'), [1]);
  await page.setViewportSize({ width: 390, height: 800 });
  for (const [screen, wanted] of /** @type {const} */ ([['/ui/batches', 'batch-list-row'], ['/ui/dead', 'dead-groups-row'], ['/ui/batches/b4', 'row-errors-row']])) {
    await visit(page, screen);
    await page.waitForSelector(`[data-test=${wanted}]`);
    assert.deepEqual(await page.evaluate(() => [document.querySelector('main')?.scrollWidth, document.documentElement.scrollWidth]), [390, 390], screen);
  }
  await watched.assertClean();
});

test('a long category gives way to the name, and is still told', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/`);
  await server.send({ category: 'a category that is long enough for three of these rows', name: 'a name that is long enough for two of these rows, and then some' });
  await rows(page).first().waitFor();
  const width = await page.locator('[data-test=row] .category').evaluate((category) => category.clientWidth);
  assert.ok(width >= 40, `${width} px`);
});

test('on a phone a hundred queries leave room for the one that is open', async () => {
  const { page } = watched;
  await page.setViewportSize({ width: 390, height: 800 });
  await tell(page, answers('rates', 100));
  await page.goto(`${server.origin}/ui/sql/rates`);
  const box = await page.locator('[data-test=query] h2').boundingBox();
  assert.ok(box !== null && box.y < 400, JSON.stringify(box));
});

test('what was read stays in sight below a failure', async () => {
  const { page } = watched;
  await tell(page, answers('web', 3));
  let refused = '';
  await page.route((url) => url.pathname === refused, (route) => route.fulfill({ status: 500, json: { detail: 'Out of order.' } }));
  await page.goto(`${server.origin}/ui/nothing`);
  for (const [screen, path, kept] of /** @type {const} */ ([
    ['/ui/batches', '/tables', 'batch-list-row'], ['/ui/batches', '/batches', 'batch-list-row'], ['/ui/batches/b0', '/batches/b0', 'outcome'], ['/ui/dead', '/dead-letters', 'dead-groups-row'],
    ['/ui/apps', '/applications', 'app-list-row'], ['/ui/sql', '/queries', 'run-sql'],
  ])) {
    refused = '';
    await visit(page, '/ui/nothing');
    await page.waitForSelector('[data-test=no-screen]');
    await visit(page, screen);
    await page.waitForSelector(`[data-test=${kept}]`);
    refused = path;
    // Who looks at the page again is told at once.
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.waitForSelector('[data-test=failed]');
    const box = await page.locator(`[data-test=${kept}]`).first().boundingBox();
    assert.ok(box !== null && box.y + box.height < 800, `${screen} ${path}: ${JSON.stringify(box)}`);
  }
  await watched.assertClean();
});
