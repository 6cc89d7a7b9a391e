// The screens that administer, against answers that a server may give: none, one and many entries, a refusal, a
// sign-in that is lost. What they do against the real server stands in apps, schemas and dead.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, holdLater, says, server, visit, watched } from './support.mjs';
import { answers, tell } from './told.mjs';

eachTestHasAServerAndAPage();

/** Screen, where it reads, what a row of it is called. @type {[string, string, string][]} */
const SCREENS = [
  ['/ui/apps', '/applications', 'app-list-row'],
  ['/ui/schemas', '/schemas', 'schema-list-row'],
  ['/ui/dead', '/dead-letters', 'dead-groups-row'],
  ['/ui/dead?reason=x', '/dead-letters/events', 'letters-row'],
  ['/ui/batches', '/batches', 'batch-list-row'],
  ['/ui/batches', '/tables', 'batch-list-row'],
  ['/ui/sql', '/queries', 'query-link'],
];
const SIGNED_OUT = { required: true, signed_in: false, roles: [], actor: null, expires_at: null };
const READER = { required: true, signed_in: true, roles: ['read'], actor: 'token x', expires_at: null };

test('each screen shows nothing, one and many', async () => {
  const { page } = watched;
  for (const n of [0, 1, 300]) {
    await tell(page, answers('web', n));
    await page.goto(`${server.origin}/ui/nothing`);
    for (const [screen, , row] of SCREENS) {
      await visit(page, '/ui/nothing');
      await page.waitForSelector('[data-test=no-screen]');
      await visit(page, screen);
      await page.waitForSelector(n === 0 ? '[data-test=empty], [data-test=no-letters], [data-test=no-tables]' : `[data-test=${row}]`);
      assert.equal(await page.locator(`[data-test=${row}]`).count(), n, screen);
    }
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  }
  await watched.assertClean();
});

test('a refusal is told with its status and request id, Retry mends it, and what was shown stays', async () => {
  const { page } = watched;
  let refused = '';
  await tell(page, answers('web', 2));
  await page.route((url) => url.pathname === refused, (route) =>
    route.fulfill({ status: 500, headers: { 'x-request-id': 'r-17' }, json: { detail: 'The disk is on fire.', code: 'internal' } }));
  // A screen that asks again by itself would mend itself before the button is pressed.
  await holdLater(page);
  await page.goto(`${server.origin}/ui/nothing`);
  for (const [screen, path, row] of SCREENS) {
    await visit(page, '/ui/nothing');
    await page.waitForSelector('[data-test=no-screen]');
    refused = path;
    await visit(page, screen);
    await says(page, 'failed', /The disk is on fire\. ?Status 500 · request r-17/);
    refused = '';
    await page.click('[data-test=failed] button:text("Retry")');
    await page.waitForSelector('[data-test=failed]', { state: 'detached' });
    await page.waitForSelector(`[data-test=${row}]`);
  }
  await watched.assertClean();
});

test('who is not signed in sees the card; a token opens the screen that was asked for', async () => {
  const { page } = watched;
  const told = answers('web', 2).set('/session', SIGNED_OUT);
  await tell(page, told);
  /** @type {(string | null)[]} */
  const proofs = [];
  await page.route('**/session', (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    proofs.push(route.request().headers()['x-requested-by'] ?? null, route.request().postData());
    if (proofs.length < 3) return route.fulfill({ status: 401, json: { detail: 'No such token.', code: 'token_unknown' } });
    told.set('/session', { ...READER, roles: ['read', 'admin'] });
    return route.fulfill({ status: 204 });
  });
  await page.goto(`${server.origin}/ui/schemas`);
  await page.fill('[name=token]', ' eyas_wrong ');
  await page.keyboard.press('Enter');
  await says(page, 'sign-in-fault', 'No such token.');
  assert.equal(await page.locator('[data-test=schemas]').count(), 0);
  await page.fill('[name=token]', 'eyas_right');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-test=schema-list-row]');
  assert.deepEqual(proofs, ['console', '{"token":"eyas_wrong"}', 'console', '{"token":"eyas_right"}']);
  await says(page, 'connection', /live$/);
  await watched.assertClean();
});

test('a code in the address is used once and is gone before anything is asked', async () => {
  const { page } = watched;
  const told = answers('web', 1).set('/session', SIGNED_OUT);
  await tell(page, told);
  /** @type {string[]} */
  const seen = [];
  await page.route('**/session', (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    seen.push(`${page.url()} ${route.request().postData()}`);
    told.set('/session', { ...READER, roles: ['read', 'admin'] });
    return route.fulfill({ status: 204 });
  });
  await page.goto(`${server.origin}/ui/apps#code=abc-123`);
  await page.waitForSelector('[data-test=app-list-row]');
  assert.deepEqual(seen, [`${server.origin}/ui/apps {"code":"abc-123"}`]);
  assert.equal(page.url(), `${server.origin}/ui/apps`);
  await page.goBack().catch(() => null);
  assert.ok(!page.url().includes('abc-123'));
});

test('a sign-in that is lost is said aloud, wipes nothing, and can be mended in place', async () => {
  const { page } = watched;
  const told = answers('web', 2).set('/session', { ...READER, roles: ['read', 'admin'] });
  await tell(page, told);
  await page.goto(`${server.origin}/ui/schemas?stream=events&category=web&name=web`);
  await page.waitForSelector('[data-test=versions-row]');
  await page.fill('[data-test=editor]', '{"type":"string"}');
  told.set('/session', SIGNED_OUT);
  const refuse = (/** @type {import('playwright-core').Route} */ route) => route.fulfill({ status: 401, json: { detail: 'Your session has ended.', code: 'token_missing' } });
  await page.route('**/schemas/test', refuse);
  await page.click('[data-test=test]');
  await says(page, 'signed-out', /You are signed out/);
  assert.equal(await page.locator('[data-test=signed-out] [role=alert]').count(), 1);
  assert.equal(await page.inputValue('[data-test=editor]'), '{"type":"string"}');
  assert.equal(await page.locator('[data-test=versions-row]').count(), 2);
  await page.route('**/session', (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    told.set('/session', { ...READER, roles: ['read', 'admin'] });
    return route.fulfill({ status: 204 });
  });
  await page.fill('[name=token]', 'eyas_right');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-test=signed-out]', { state: 'detached' });
  assert.equal(await page.inputValue('[data-test=editor]'), '{"type":"string"}');
  await watched.assertClean();
});

test('who may only look sees the buttons, and why they do not work', async () => {
  const { page } = watched;
  await tell(page, answers('web', 2).set('/session', READER));
  for (const screen of ['/ui/schemas', '/ui/schemas?stream=events&category=web&name=web', '/ui/dead']) {
    await page.goto(server.origin + screen);
    await says(page, 'look-only', /needs a token with the scope admin/);
  }
  await page.waitForSelector('[data-test=dead-groups-row]');
  assert.equal(await page.isDisabled('[data-test=replay-all]'), true);
  assert.match((await page.getAttribute('[data-test=replay-all]', 'title')) ?? '', /scope admin/);
  await page.click('[data-test=sign-out] >> visible=true', { trial: true });
  // What they may not even look at says so once, below its heading.
  for (const [screen, path, heading] of /** @type {const} */ ([['/ui/apps', '/applications', 'Applications'], ['/ui/dead', '/dead-letters', 'Dead letters']])) {
    await page.route((url) => url.pathname === path, (route) => route.fulfill({ status: 403, json: { code: 'missing_scope', detail: 'The token lacks the scope "admin".', hint: 'use another token' } }));
    await page.goto(server.origin + screen);
    await says(page, 'failed', /lacks the scope "admin"\. Use another token\. ?Status 403/);
    assert.equal(await page.locator('h1').textContent(), heading);
    assert.equal(await page.locator('[data-test=look-only]').count(), 0);
  }
  await page.goto(`${server.origin}/ui/batches`);
  await says(page, 'needs-write', /scope write/);
});

test('a schema that the configuration owns can be read and tested, not changed', async () => {
  const { page } = watched;
  await tell(page, answers('web', 2));
  await page.goto(`${server.origin}/ui/schemas?stream=s1&category=web&name=web`);
  await says(page, 'fixed', /configuration owns this schema/);
  assert.equal(await page.isDisabled('[data-test=save]'), true);
  assert.equal(await page.isDisabled('[aria-label="Put version 2 in force"]'), true);
  await page.click('[data-test=test]');
  await says(page, 'tested', /Of 10 events ✓ 4 would be valid and ✗ 6 invalid/);
});

test('the editor indents with Tab, lets go after Escape, and says where a text is no JSON', async () => {
  const { page } = watched;
  await tell(page, answers('web', 2));
  await page.goto(`${server.origin}/ui/schemas?stream=events&category=new`);
  await page.fill('[data-test=editor]', '{\n"a": x}');
  await says(page, 'editor-help', 'No JSON: line 2, character 6, at x}.');
  assert.equal(await page.isDisabled('[data-test=save]'), true);
  await page.fill('[data-test=editor]', '');
  await page.focus('[data-test=editor]');
  await page.keyboard.press('Tab');
  await page.keyboard.type('{"n": 12345678901234567890}');
  assert.equal(await page.inputValue('[data-test=editor]'), '  {"n": 12345678901234567890}');
  await page.click('text=Format');
  assert.equal(await page.inputValue('[data-test=editor]'), '{\n  "n": 12345678901234567890\n}');
  await page.focus('[data-test=editor]');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-test')), 'save');
  // What is sent is the text itself: no number was read and written again.
  const [request] = await Promise.all([page.waitForRequest('**/schemas/test'), page.click('[data-test=test]')]);
  assert.equal(request.postData(), '{"stream":"events","category":"new","last":1000,"schema":{\n  "n": 12345678901234567890\n}}');
});

test('many dead letters are replayed only by who types how many', async () => {
  const { page } = watched;
  await tell(page, answers('web', 3));
  await page.goto(`${server.origin}/ui/dead?reason=web`);
  await page.waitForSelector('[data-test=letters-row]');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await says(page, 'replay-selected', 'Replay 2 selected…');
  const [request] = await Promise.all([page.waitForRequest('**/dead-letters/replay'), page.keyboard.press('Shift+R')]);
  assert.deepEqual(JSON.parse(request.postData() ?? ''), { seqs: [1, 2], dry_run: true, include_repeated: true });
  await says(page, 'preview', /1,234 events, the oldest .* the newest .* 2 left out/);
  const go = page.locator('[data-test=ask] button.primary');
  assert.equal(await go.isDisabled(), true);
  await page.fill('[name=sure]', '1,234');
  assert.equal(await go.isDisabled(), false);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('[data-test=ask]').count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-test')), 'choose', 'the focus goes back');
});
