// What a person does on the Live screen, against the real binary.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { BIN, eachTestHasAServerAndAPage, holdLater, rows, says, server, waitFor, watched } from './support.mjs';

eachTestHasAServerAndAPage();

/** @param {string} [path] */
async function openLive(path = '/ui/') {
  await watched.page.goto(server.origin + path);
  await says(watched.page, 'connection', /live$/);
  return watched.page;
}

test('the empty state has a curl that works, and can send a test event', async () => {
  const page = await openLive();
  await says(page, 'empty', new RegExp(`Waiting for the first event on ${server.origin}`));
  const curl = (await page.locator('[data-test=curl]').textContent()) ?? '';
  const parts =
    /^curl -X POST (\S+) \\\n {2}-H "Content-Type: application\/json" \\\n {2}-d '(\{"session_id":"e2085be5-9137-4e4e-80b5-f1ffddc25423","category":"page interaction","name":"cta click","data":\{"host":"www.example.com","path":"\/","element":"chat bubble"\},"timestamp":"([^"]+)"\})'$/.exec(curl);
  assert.ok(parts, curl);
  assert.equal(parts[1], `${server.origin}/events`);
  assert.ok(Math.abs(Date.parse(parts[3] ?? '') - Date.now()) < 60_000, parts[3]);
  await server.post('/events', parts[2] ?? '');
  await says(page, 'matched', '1');

  await server.kill();
  await server.wipe();
  await server.start();
  await says(page, 'instance', /began anew/);
  await page.click('[data-test=send]');
  await says(page, 'matched', '1');
  assert.match((await rows(page).first().textContent()) ?? '', /page interaction.*cta click/);
  await watched.assertClean();
});

test('the examples in JavaScript, in Python and for eyas send run as they stand', async () => {
  const page = await openLive();
  const run = promisify(execFile);
  /** @param {string} language */
  const example = async (language) => {
    await page.click(`[data-test=empty] >> text="${language}"`);
    await page.waitForSelector(`[aria-pressed=true] >> text="${language}"`);
    return (await page.locator('[data-test=curl]').textContent()) ?? '';
  };
  const [script, command, program] = [await example('JavaScript'), await example('eyas send'), await example('Python')];
  await run(process.execPath, ['--input-type=module', '--eval', script]);
  await says(page, 'matched', '1');
  await run('sh', ['-c', command], { env: { ...process.env, PATH: `${dirname(BIN)}:${process.env.PATH}` } });
  await says(page, 'matched', '2');
  await run('python3', ['-c', program]);
  await says(page, 'matched', '3');
});

test('an event appears as it is accepted, newest on top', async () => {
  const page = await openLive();
  await server.send({ category: 'a', name: 'first' });
  await says(page, 'matched', '1');
  await server.send({ category: 'a', name: 'second', session_id: 'e2085be5-9137-4e4e-80b5-f1ffddc25423' });
  await says(page, 'matched', '2');
  assert.match((await rows(page).nth(0).textContent()) ?? '', /second/);
  assert.match((await rows(page).nth(1).textContent()) ?? '', /first/);
  await watched.assertClean();
});

test('queued turns into stored, or invalid with its reason', async () => {
  const page = await openLive();
  await page.evaluate(() => {
    /** @type {any} */ (window).__states = new Set();
    new MutationObserver(() => {
      for (const row of document.querySelectorAll('[data-state]')) /** @type {any} */ (window).__states.add(row.getAttribute('data-state'));
    }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-state'] });
  });
  const wasQueued = () => page.evaluate(() => /** @type {any} */ (window).__states.has('queued'));
  // Statistics come once a second, so one of a few events is drawn before they say that it is stored.
  let n = 0;
  for (; n < 20 && !(await wasQueued()); n += 1) {
    await server.send({ category: 'a', name: `event ${n}` });
    await says(page, 'matched', String(n + 1));
  }
  assert.ok(await wasQueued());
  await server.send({ category: 'a', name: 'from the future', timestamp: '2036-01-01T00:00:00Z' });
  await page.waitForSelector('[data-test=row] >> nth=0 >> text=invalid');
  await page.waitForFunction((count) => document.querySelectorAll('[data-state=stored]').length === count, n);
  await page.click('[data-test=row] >> nth=0');
  await page.waitForSelector('.errors >> text=/timestamp');
  await watched.assertClean();
});

test('a pause freezes the list, counts what comes, and resume jumps to the newest', async () => {
  const page = await openLive();
  await server.sendMany(5);
  await says(page, 'matched', '5');
  await page.click('[data-test=pause]');
  const top = await rows(page).first().getAttribute('data-seq');
  await server.sendMany(12);
  await says(page, 'paused', /\+12 since pause/);
  await says(page, 'matched', '17');
  await says(page, 'shown', '5');
  await says(page, 'not-shown', '12');
  assert.equal(await rows(page).first().getAttribute('data-seq'), top);
  await page.click('[data-test=pause]');
  await says(page, 'shown', '17');
  await says(page, 'not-shown', '0');
  assert.equal(await page.locator('[data-test=paused]').count(), 0);
  await watched.assertClean();
});

test('scrolling away pauses', async () => {
  const page = await openLive();
  await server.sendMany(200);
  await says(page, 'matched', '200');
  await page.locator('[data-test=scroller]').evaluate((element) => element.scrollTo({ top: 2000 }));
  await says(page, 'paused', /because you scrolled/);
  await server.sendMany(3);
  await says(page, 'paused', /\+3 since pause/);
  await page.keyboard.press('.');
  await page.waitForFunction(() => document.querySelector('[data-test=scroller]')?.scrollTop === 0);
  await says(page, 'matched', '203');
});

test('the keyboard alone: into the list, open, next, close, resume; data never moves the focus', async () => {
  const page = await openLive();
  await server.sendMany(30);
  await says(page, 'matched', '30');
  const focusedSeq = () => page.evaluate(() => document.activeElement?.getAttribute('data-seq'));
  await page.locator('[data-test=scroller]').focus();
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => document.activeElement?.getAttribute('role') === 'row');
  const newest = await focusedSeq();
  assert.equal(newest, await rows(page).first().getAttribute('data-seq'));
  await says(page, 'paused', /by key/);
  await page.keyboard.press('j');
  await page.waitForFunction((seq) => document.activeElement?.getAttribute('data-seq') !== seq, newest);
  const second = await focusedSeq();
  await server.sendMany(50);
  await says(page, 'matched', '80');
  assert.equal(await focusedSeq(), second);
  await page.keyboard.press('Enter');
  await says(page, 'detail', new RegExp(`Sequence ?${second} `));
  await page.keyboard.press(']');
  await page.waitForFunction((seq) => !new RegExp(`Sequence\\s*${seq} `).test(document.querySelector('[data-test=detail]')?.textContent ?? ''), second);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement?.getAttribute('role') === 'row');
  await page.keyboard.press('End');
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-rowindex') === '31');
  await page.keyboard.press('Space');
  await says(page, 'shown', '80');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[open]');
  await watched.assertClean();
});

test('2,000 events quickly: few elements, true counters, newest on top', async () => {
  const page = await openLive();
  await page.check('[data-test=full-rate]');
  await says(page, 'connection', /live$/);
  let lastSeq = 0;
  for (const matched of ['500', '1,000', '1,500', '2,000']) {
    lastSeq = (await server.sendMany(500)).last_seq;
    await says(page, 'matched', matched);
  }
  await says(page, 'shown', '2,000');
  await says(page, 'not-shown', '0');
  assert.equal(await rows(page).first().getAttribute('data-seq'), String(lastSeq));
  const { nRows, nElements } = await page.evaluate(() => ({
    nRows: document.querySelectorAll('[data-test=row]').length,
    nElements: document.querySelectorAll('*').length,
  }));
  assert.ok(nRows <= 200 && nElements < 3000, `${nRows} rows, ${nElements} elements`);
  await page.locator('[data-test=scroller]').evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
  await page.waitForSelector('[data-test=row][aria-rowindex="2001"]');
  await watched.assertClean();
});

test('a page begins with the newest stored events and goes on without a hole', async () => {
  await server.sendMany(150);
  const page = await openLive();
  await server.sendMany(10);
  const seqs = await page.waitForFunction(() => {
    const received = Number(document.querySelector('[data-test=matched]')?.textContent);
    const top = document.querySelector('[data-test=row]')?.getAttribute('data-seq');
    return received >= 110 && top !== null ? { received, top: Number(top) } : null;
  });
  const { received } = /** @type {{ received: number }} */ (await seqs.jsonValue());
  assert.ok(received >= 110 && received <= 160);
  const shown = await page.evaluate(() => [...document.querySelectorAll('[data-test=row]')].map((row) => Number(row.getAttribute('data-seq'))));
  assert.ok(shown.length > 10);
  shown.forEach((seq, at) => at > 0 && assert.equal(seq, (shown[at - 1] ?? 0) - 1));
  await watched.assertClean();
});

test('the filter comes from the address, goes into it, and back undoes it', async () => {
  await server.send({ category: 'page interaction', name: 'cta click' });
  await server.send({ category: 'page interaction', name: 'pageview' });
  const page = await openLive('/ui/?category=page+interaction&name=cta*');
  await says(page, 'matched', '1');
  assert.equal(await page.locator('[data-test=chip]').count(), 2);
  await server.send({ category: 'page interaction', name: 'pageview' });
  await server.send({ category: 'page interaction', name: 'cta hover' });
  await says(page, 'matched', '2');
  assert.match((await rows(page).first().textContent()) ?? '', /cta hover/);

  await page.keyboard.press('/');
  await page.keyboard.type('valid:false');
  await page.keyboard.press('Enter');
  await says(page, 'no-match', /No event matches/);
  assert.equal(new URL(page.url()).search, '?category=page+interaction&name=cta*&valid=false');
  await page.goBack();
  await says(page, 'matched', '2');
  await page.fill('#filter', 'color:red');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.problems >> text=no field “color”');
  await page.fill('#filter', 'HOVER');
  await page.keyboard.press('Enter');
  await says(page, 'matched', '1');
  assert.equal(new URL(page.url()).search, '?category=page+interaction&name=cta*&q=HOVER');
  await server.send({ category: 'page interaction', name: 'cta hover 2' });
  await says(page, 'matched', '2');
  await page.goBack();
  await says(page, 'matched', '3');
  await page.fill('#filter', 'valid:false');
  await page.keyboard.press('Enter');
  await says(page, 'no-match', /No event matches/);
  await page.click('text=Clear filter');
  await says(page, 'matched', '5');
  assert.equal(new URL(page.url()).search, '');
  await watched.assertClean();
});

test('a row offers what can be done with it, to the mouse and to the keyboard', async () => {
  await watched.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.origin });
  await server.send({ id: 'one', category: 'a', name: 'x', session_id: 's1', data: 1.0 });
  await server.send({ category: 'a', name: 'y', session_id: 's1' });
  await server.send({ category: 'a', name: 'x', session_id: 's2' });
  const page = await openLive();
  await says(page, 'matched', '3');
  assert.ok(await page.isHidden('[data-act=copy] >> nth=2'));
  await page.hover('[data-test=row] >> nth=2');
  await page.click('[data-act=copy] >> nth=2');
  await waitFor('the event is copied', async () => (await page.evaluate(() => navigator.clipboard.readText())).includes('"id":"one"'));
  assert.equal(new URL(page.url()).search, '', 'the row stays closed');
  await page.hover('[data-test=row] >> nth=2');
  await page.click('[data-act=session_id] >> nth=2');
  await says(page, 'matched', '2');
  assert.equal(new URL(page.url()).search, '?session_id=s1');
  await page.keyboard.press('j');
  await page.waitForFunction(() => document.activeElement?.hasAttribute('data-n'));
  await page.keyboard.press('Tab');
  await page.waitForFunction(() => document.activeElement?.getAttribute('data-act') === 'name');
  await page.keyboard.press('Enter');
  await says(page, 'matched', '1');
  assert.equal(new URL(page.url()).search, '?session_id=s1&name=y');
  await watched.assertClean();
});

test('data is shown as written', async () => {
  const page = await openLive();
  const exact = ['12345678901234567890', '1.0', '-0', '1E400', '{"b":1.50,"a":[],"b":2}', '"\\u0000\\ud800"'];
  await server.post('/streams/numbers', exact.join('\n'), 'application/x-ndjson');
  await says(page, 'matched', String(exact.length));
  const cells = await page.locator('[data-test=row] .cell-data').allTextContents();
  assert.deepEqual(cells.map((cell) => cell.trim()), [...exact].reverse());
  await page.click(`[data-test=row] >> nth=${exact.length - 1}`);
  await says(page, 'tree', '12345678901234567890');
  await page.click('[data-test=tab-raw]');
  await says(page, 'raw', '12345678901234567890');
  // A reload reads the same from a page of the database, and the open event from its own address.
  await page.reload();
  await says(page, 'matched', String(exact.length));
  await says(page, 'tree', '12345678901234567890');
  const again = await page.locator('[data-test=row] .cell-data').allTextContents();
  assert.deepEqual(again.map((cell) => cell.trim()), [...exact].reverse());
  await watched.assertClean();
});

test('the newest stored events are drawn with their numbers before the socket has said a word', async () => {
  await server.sendMany(3);
  await waitFor('they are stored', async () => (await (await fetch(`${server.origin}/events?limit=10`)).json()).events.length === 3);
  const { page } = watched;
  // The page's own clock would draw within a second, too.
  await page.addInitScript(() => void (/** @type {any} */ (window).setInterval = () => 0));
  await page.routeWebSocket(/\/live/, () => {});
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'matched', '3');
  assert.equal(await rows(page).count(), 3);
  await watched.assertClean();
});

test('time mode and theme can be chosen and are remembered', async () => {
  await server.send({ category: 'a', name: 'b' });
  const page = await openLive();
  await says(page, 'matched', '1');
  await page.click('[data-test=time-mode]');
  await page.click('[data-test=time-mode]');
  await page.waitForFunction(() => /^\d\d:\d\d:\d\d\.\d{3}Z$/.test(document.querySelector('[data-test=row] time')?.textContent ?? ''));
  await page.click('[data-test=theme]');
  await page.click('[data-test=theme]');
  await page.reload();
  await says(page, 'time-mode', /UTC/);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor), 'rgb(18, 20, 23)');
});

test('on a phone nothing scrolls sideways and a row opens as a page', async () => {
  await server.sendMany(60, { session_id: 'x'.repeat(200) });
  const page = await openLive();
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 });
    await says(page, 'matched', '60');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  }
  await page.click('[data-test=row] >> nth=1');
  const box = await page.locator('[data-test=detail]').boundingBox();
  assert.deepEqual([box?.x, box?.width], [0, 320]);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  await watched.assertClean();
});

test('a server fault says what, status and request id, and Retry mends it', async () => {
  const { page } = watched;
  // The feed tries again by itself, too: here a person shall do it.
  await holdLater(page);
  await server.sendMany(4);
  await page.route(/\/events\?/, (route) =>
    route.fulfill({
      status: 500,
      headers: { 'x-request-id': 'request-7', 'content-type': 'application/problem+json' },
      body: JSON.stringify({ title: 'Internal error', detail: 'The database is away. <img src=x onerror=window.__pwn=1>' }),
    }),
  );
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'failed', /could not be read.*The database is away\. <img.*Status 500.*request-7/);
  await page.unroute(/\/events\?/);
  await page.click('text=Retry');
  await says(page, 'matched', '4');
  await says(page, 'connection', /live$/);
  await watched.assertClean();
});
