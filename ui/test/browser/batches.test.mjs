// Batches against answers that a server may give: what a person sees of one that is rejected, cancelled, checked, sent in
// parts, paused and gone on with.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { chord, eachTestHasAServerAndAPage, says, server, visit, watched } from './support.mjs';
import { answers, batchOf, tell } from './told.mjs';

eachTestHasAServerAndAPage();

/** @param {string} name @param {string} text */
const file = (name, text) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });

test('a rejected batch says that nothing is stored, why, where, and hands out all of it', async () => {
  const { page } = watched;
  await tell(page, answers('prices', 100));
  await page.goto(`${server.origin}/ui/batches/b4`);
  await says(page, 'outcome', /✗ Rejected: 0 of 48,210 rows stored\. ?prices/);
  await page.waitForSelector('[data-test=row-errors-row]');
  assert.equal(await page.locator('[data-test=row-errors-row]').count(), 100);
  assert.match((await page.locator('[data-test=row-errors]').textContent()) ?? '', /The first 100 of 12,431 errors/);
  assert.match((await page.locator('[data-test=phases]').textContent()) ?? '', /Receiving.*Waiting.*Applying5 s/);
  assert.equal(await page.locator('[data-test=cancel]').count(), 0);
  await page.route('**/batches/b4/errors', (route) => {
    assert.equal(route.request().headers().accept, 'application/x-ndjson');
    return route.fulfill({ contentType: 'application/x-ndjson', body: '{"row":1}\n' });
  });
  const [saved] = await Promise.all([page.waitForEvent('download'), page.click('[data-test=all-errors]')]);
  assert.equal(saved.suggestedFilename(), 'eyas-batch-errors.ndjson');
  await watched.assertClean();
});

test('cancelling asks first, and says so afterwards', async () => {
  const { page } = watched;
  const told = answers('prices', 3);
  await tell(page, told);
  await page.route('**/batches/b1', (route) => {
    if (route.request().method() !== 'DELETE') return route.fallback();
    assert.equal(route.request().headers()['x-requested-by'], 'console');
    told.set('/batches/b1', { ...batchOf('prices', 5), id: 'b1' });
    return route.fulfill({ json: told.get('/batches/b1') });
  });
  await page.goto(`${server.origin}/ui/batches/b1`);
  await says(page, 'outcome', /Queued: 48,210 rows are safe/);
  await page.click('[data-test=cancel]');
  assert.match((await page.locator('[data-test=ask]').textContent()) ?? '', /None of its 48,210 rows/);
  await page.click('[data-test=ask] button.primary');
  await says(page, 'outcome', /○ Cancelled: 0 of 48,210 rows stored/);
  assert.equal(await page.locator('[data-test=cancel]').count(), 0);
  await watched.assertClean();
});

test('what the database refused is checked and stored again where its rows are kept, and leads to the new batch', async () => {
  const { page } = watched;
  const told = answers('prices', 1).set('/batches/b10', { ...batchOf('prices', 10), rows_kept: false, errors: 100 });
  told.set('/batches/b10/errors', answers('prices', 100).get('/batches/b4/errors') ?? {});
  told.set('/batches/b9', batchOf('prices', 9));
  await tell(page, told);
  await page.route('**/batches/b4/revalidate', (route) => {
    const request = route.request();
    assert.deepEqual([request.method(), request.postData(), request.headers()['x-requested-by']], ['POST', null, 'console']);
    return route.fulfill({ status: 202, json: told.get('/batches/b9') });
  });
  await page.goto(`${server.origin}/ui/batches/b10`);
  await says(page, 'rows-kept', /not kept.*send them again/);
  assert.equal(await page.locator('[data-test=revalidate]').count(), 0);
  await says(page, 'row-errors', /The first 100 errors: the database was asked for no more/);
  await page.goto(`${server.origin}/ui/batches/b4`);
  await says(page, 'rows-kept', /kept for a day/);
  await page.click('[data-test=revalidate]');
  assert.match((await page.locator('[data-test=ask]').textContent()) ?? '', /kept 48,210 rows.*all of them are stored, or none/);
  await page.click('[data-test=ask] button.primary');
  await says(page, 'outcome', /✓ Committed: all 48,210 rows stored/);
  assert.equal(new URL(page.url()).pathname, '/ui/batches/b9');
  await page.click('[data-test=revalidates]');
  await says(page, 'outcome', /✗ Rejected: 0 of 48,210 rows stored/);
  await watched.assertClean();
});

test('a batch whose rows came before is no loss, and leads to the one that has them', async () => {
  const { page } = watched;
  const same = { ...batchOf('prices', 11), same_as: 'b3' };
  await tell(page, answers('prices', 1).set('/batches', { batches: [same], next: null }).set('/batches/b11', same).set('/batches/b3', batchOf('prices', 3)));
  await page.goto(`${server.origin}/ui/batches`);
  await says(page, 'batch-state', '= Same rows as batch b3');
  await page.click('[data-test=batch-list-row] th a');
  await says(page, 'outcome', /^ ?= Same rows as batch b3\. They came before: none is lost, and none is stored twice\. ?prices ?$/);
  assert.doesNotMatch((await page.locator('main').textContent()) ?? '', /cancelled/i);
  await page.click('[data-test=same-as]');
  await says(page, 'outcome', /✓ Committed: all 48,210 rows stored/);
  await watched.assertClean();
});

test('the list is filtered by its address, pages, and is asked twice a second only while something moves', async () => {
  const { page } = watched;
  const told = answers('prices', 3);
  await tell(page, told);
  await page.clock.install();
  await page.goto(`${server.origin}/ui/batches?state=applying`);
  await page.waitForSelector('[data-test=batch-list-row]');
  assert.equal(await page.inputValue('[data-test=filter-state]'), 'applying');
  await says(page, 'bar-text', '31,200 of 48,210 rows');
  const [asked] = await Promise.all([page.waitForRequest(/\/batches\?.*table=prices/), page.selectOption('[data-test=filter-table]', 'prices')]);
  assert.equal(new URL(asked.url()).searchParams.get('state'), 'applying');
  assert.equal(new URL(page.url()).search, '?state=applying&table=prices');
  await page.click('[data-test=older]');
  assert.equal(new URL(page.url()).searchParams.get('after'), 'prices');
  await page.goBack();
  assert.equal(new URL(page.url()).search, '?state=applying&table=prices');
  let n = 0;
  page.on('request', (request) => (n += Number(new URL(request.url()).pathname === '/batches')));
  // From here on time passes only where the test lets it. What was asked is answered before more of it does.
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 60_000));
  const fiveSeconds = async (step = (/** @type {number} */ _at) => {}) => {
    n = 0;
    for (let at = 0; at < 10; at += 1, step(at)) await page.clock.runFor(500).then(() => page.evaluate(async () => void (await fetch('/batches/b3').catch(() => null))));
    return n;
  };
  const nPaused = await fiveSeconds();
  assert.ok(nPaused <= 2, `${nPaused} in 5 s while one stands still for a minute`);
  const advance = (/** @type {number} */ at) => void told.set('/batches', { batches: [{ ...batchOf('prices', 2), rows_applied: 31_000 + at }], next: null });
  advance(0);
  await page.clock.runFor(6000);
  await says(page, 'bar-text', '31,000 of 48,210 rows');
  const nMoving = await fiveSeconds(advance);
  assert.ok(nMoving >= 5 && nMoving <= 11, `${nMoving} in 5 s while it moves`);
  told.set('/batches', { batches: [batchOf('prices', 3)], next: null });
  await page.clock.runFor(1000);
  await says(page, 'batch-state', /✓ committed/);
  const nStill = await fiveSeconds();
  assert.ok(nStill <= 2, `${nStill} in 5 s while nothing moves`);
  await watched.assertClean();
});

test('a file is checked first, and what is wrong is shown; nothing else is sent', async () => {
  const { page } = watched;
  const told = answers('prices', 1);
  await tell(page, told);
  await page.goto(`${server.origin}/ui/batches`);
  /** @type {[string, string, string | undefined][]} */
  const sent = [];
  await page.route('**/tables/prices/batches*', (route) => {
    sent.push([route.request().method(), new URL(route.request().url()).search, route.request().headers()['content-type']]);
    return route.fulfill({ json: { dry_run: true, table: 'prices', rows: 3, n_errors: 1, errors: [{ row: 2, line: 3, pointer: '/price', rule: 'type', detail: 'must be an integer' }] } });
  });
  await page.setInputFiles('[data-test=file]', file('prices 2016.csv', 'a,b\n1,2\n'));
  assert.equal(await page.inputValue('[data-test=format]'), 'text/csv');
  assert.equal(await page.inputValue('[data-test=table]'), 'prices');
  assert.equal(await page.isChecked('[data-test=dry-run]'), true);
  assert.match((await page.locator('[data-test=columns]').textContent()) ?? '', /prices prices needed.*day date.*has a default.*takes the place of all rows/);
  await says(page, 'go', 'Check the file');
  await page.click('[data-test=go]');
  await says(page, 'verdict', '✗ 1 error in 3 rows. Nothing was stored.');
  await says(page, 'row-errors-row', /^ ?line 3row 2\/pricetypemust be an integer/);
  assert.equal(await page.locator('[data-test=for-real]').count(), 0);
  assert.deepEqual(sent, [['POST', '?label=prices+2016.csv&dry_run=true', 'text/csv']]);
  await watched.assertClean();
});

test('checked, then uploaded for real by the keyboard: parts, a lost connection, a pause, and on to the batch', async () => {
  const { page } = watched;
  const told = answers('prices', 1);
  await tell(page, told);
  // Two parts; each byte goes through the test as well, so there are no more of them than that needs.
  const size = 5 << 20;
  /** What the server has. */
  const held = { bytes: 0, isWhole: false, nLost: 0, key: '' };
  // Behind the loss nothing is answered until it was seen: else the upload is over before somebody can pause it.
  let goOn = () => {};
  /** @type {Promise<void>} */
  const isSeen = new Promise((done) => (goOn = done));
  await page.route('**/tables/prices/batches*', (route) => {
    const request = route.request();
    if (request.url().includes('dry_run')) return route.fulfill({ json: { dry_run: true, table: 'prices', rows: 90, n_errors: 0, errors: [] } });
    assert.equal(request.headers()['upload-complete'], '?0');
    held.key = request.headers()['idempotency-key'] ?? '';
    return route.fulfill({ status: 201, headers: { location: '/batches/b3', 'upload-offset': '0' } });
  });
  await page.route('**/batches/b3', async (route) => {
    const { method, headers } = { method: route.request().method(), headers: route.request().headers() };
    if (method === 'HEAD') {
      await isSeen;
      return route.fulfill({ status: 204, headers: { 'upload-offset': String(held.bytes), 'upload-complete': held.isWhole ? '?1' : '?0' } });
    }
    if (method === 'GET') return route.fulfill({ json: { ...batchOf('prices', 3) } });
    assert.equal(method, 'PATCH');
    assert.equal(Number(headers['upload-offset']), held.bytes);
    if (held.nLost < 1 && held.bytes > 0) {
      held.nLost += 1;
      return route.abort('connectionreset');
    }
    held.isWhole = headers['upload-complete'] === '?1';
    held.bytes = held.isWhole ? size : held.bytes + (4 << 20) - 77;
    if (!held.isWhole) return route.fulfill({ status: 204, headers: { 'upload-offset': String(held.bytes) } });
    return route.fulfill({ status: 202, json: batchOf('prices', 3) });
  });
  // Before anything else: a dialog that opens before the browser knows that somebody listens is closed at once.
  page.on('filechooser', (chooser) => chooser.setFiles(file('prices.ndjson', 'x'.repeat(size))));
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=choose-file]');
  await page.focus('[data-test=choose-file]');
  await page.keyboard.press('Enter');
  await page.focus('[data-test=go]');
  await page.keyboard.press('Enter');
  await says(page, 'verdict', '✓ 90 rows checked, and none is wrong. Nothing was stored yet.');
  await page.focus('[data-test=for-real]');
  await page.keyboard.press('Enter');
  await says(page, 'upload-state', /cannot be reached.*Trying again/);
  await page.click('[data-test=pause-upload]');
  await says(page, 'upload-state', /Paused/);
  const [leaving] = await Promise.all([page.waitForEvent('dialog'), page.close({ runBeforeUnload: true })]);
  assert.equal(leaving.type(), 'beforeunload');
  goOn();
  await page.click('[data-test=resume-upload]');
  await says(page, 'outcome', /✓ Committed: all 48,210 rows stored/);
  assert.equal(new URL(page.url()).pathname, '/ui/batches/b3');
  assert.equal(held.bytes, size);
  assert.match(held.key, /^console-[0-9a-f]{24}$/);
});

test('a file that is dropped is chosen, and an upload that was broken off goes on with the same file', async () => {
  const { page } = watched;
  await tell(page, answers('prices', 1));
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=choose-file]');
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['{"a":1}\n'], 'prices.ndjson'));
    document.querySelector('main')?.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: transfer }));
  });
  await says(page, 'columns', /needed/);
  await page.click('text=Remove');
  await page.goto(`${server.origin}/ui/batches/b0`);
  await says(page, 'go-on', /1 MB of the file are here/);
  await page.route('**/batches/b0', (route) => {
    if (route.request().method() === 'HEAD') return route.fulfill({ status: 204, headers: { 'upload-offset': '1000000', 'upload-complete': '?0' } });
    return route.fallback();
  });
  await page.setInputFiles('[data-test=file]', file('other.ndjson', '{"a":1}\n'));
  await says(page, 'upload-fault', /This is not the file/);
  await watched.assertClean();
});

/** Drops a file on an element, as a browser tells it. @param {import('playwright-core').Page} page @param {string} selector @param {'dragover' | 'drop'} what */
const dropOn = (page, selector, what) => page.evaluate(([on, type]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(['{"a":1}\n'], 'prices.ndjson'));
  const event = new DragEvent(String(type), { bubbles: true, cancelable: true, dataTransfer: transfer });
  document.querySelector(String(on))?.dispatchEvent(event);
  return [event.defaultPrevented, document.documentElement.classList.contains('dropping')];
}, [selector, what]);

test('a file that is dropped beside its place does not take the place of the console', async () => {
  const { page } = watched;
  await tell(page, answers('prices', 1));
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=choose-file]');
  assert.deepEqual(await dropOn(page, 'header', 'dragover'), [true, true]);
  assert.deepEqual(await dropOn(page, 'header', 'drop'), [true, false]);
  await says(page, 'columns', /needed/);
  await page.click('text=Remove');
  await visit(page, '/ui/health');
  await page.waitForSelector('[data-test=health]');
  assert.deepEqual(await dropOn(page, 'main', 'dragover'), [true, false]);
  assert.deepEqual(await dropOn(page, 'main', 'drop'), [true, false]);
  // Where an upload was broken off, the rest of the file goes on.
  await page.route('**/batches/b0', (route) => {
    if (route.request().method() === 'HEAD') return route.fulfill({ status: 204, headers: { 'upload-offset': '1000000', 'upload-complete': '?0' } });
    return route.fallback();
  });
  await visit(page, '/ui/batches/b0');
  await says(page, 'go-on', /or drop it here/);
  await dropOn(page, 'header', 'drop');
  await says(page, 'upload-fault', /This is not the file/);
  await visit(page, '/ui/batches/b2');
  await says(page, 'pace', /^64 % · [\d.]+ rows\/s · about \d+ (min|h|d) left$/);
  await watched.assertClean();
});

test('by the keyboard alone a check keeps its place, and its errors are a file', async () => {
  const { page } = watched;
  const told = answers('prices', 2);
  await tell(page, told);
  const { errors } = /** @type {{ errors: object[] }} */ (told.get('/batches/b4/errors'));
  await page.route('**/tables/prices/batches*', (route) => route.fulfill({ json: { dry_run: true, table: 'prices', rows: 300, n_errors: 250, errors } }));
  await page.goto(`${server.origin}/ui/batches`);
  await page.waitForSelector('[data-test=choose-file]');
  await page.setInputFiles('[data-test=file]', file('prices.ndjson', '{"a":1}\n'));
  await page.focus('[data-test=go]');
  await page.keyboard.press('Enter');
  await says(page, 'verdict', /250 errors in 300 rows/);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-test')), 'upload');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Save these 2 errors (NDJSON)');
  const [saved] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
  assert.equal(saved.suggestedFilename(), 'eyas-dry-run-errors.ndjson');
  assert.deepEqual((await readFile(await saved.path(), 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line)), errors);
  await watched.assertClean();
});

test('who is told nothing sees why: no such batch, and a server without tables', async () => {
  const { page } = watched;
  await tell(page, answers('prices', 0));
  await page.goto(`${server.origin}/ui/batches`);
  await says(page, 'no-tables', /\[tables\.prices\].*migrations = "migrations\/"/);
  await page.route((url) => url.pathname === '/batches/none', (route) => route.fulfill({ status: 404, json: { code: 'no_such_batch', detail: 'There is no such batch.' } }));
  await page.goto(`${server.origin}/ui/batches/none`);
  await says(page, 'no-batch', /There is no such batch/);
  await chord(page, 'g', 'b');
  await page.waitForSelector('[data-test=no-tables]');
  await chord(page, 'g', 'q');
  await page.waitForSelector('[data-test=sql-screen]');
  await watched.assertClean();
});
