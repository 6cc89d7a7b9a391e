// More events than a person can read: the numbers stay the server's, the document stays small, and what
// happens in between (a pause, a kill, a hidden tab, a proxy) changes neither.

import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, rows, says, server, waitFor, watched } from './support.mjs';

eachTestHasAServerAndAPage();

async function openLive(path = '/ui/') {
  await watched.page.goto(server.origin + path);
  await says(watched.page, 'connection', /live$/);
  return watched.page;
}

const LINES = 500;
const BODY = Array.from({ length: LINES }, (_, at) =>
  JSON.stringify({ category: 'load', name: `event ${at}`, session_id: `s${at % 7}`, data: { at, path: '/checkout', price: '1.50' } }),
).join('\n');

/**
 * Posts `BODY` so many times a second over one connection that is kept, for so many seconds.
 * @param {number} perSecond
 * @param {number} seconds
 * @returns {Promise<number>} how many events the server has taken
 */
async function flood(perSecond, seconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const startMs = Date.now();
  const n = perSecond * seconds;
  for (let at = 0; at < n; at += 1) {
    // The pace is what is tested: wait until the moment at which this request is due.
    const aheadMs = startMs + (at * 1000) / perSecond - Date.now();
    if (aheadMs > 0) await new Promise((done) => setTimeout(done, aheadMs));
    await post(agent);
  }
  agent.destroy();
  return n * LINES;
}

/** @param {Agent} agent @returns {Promise<void>} */
function post(agent) {
  return new Promise((done, fail) => {
    const sent = request(`${server.origin}/events`, { method: 'POST', agent, headers: { 'content-type': 'application/x-ndjson' } }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode === 202 ? done() : fail(new Error(`status ${answer.statusCode}`))));
    });
    sent.on('error', fail);
    sent.end(BODY);
  });
}

/** The numbers on the screen. */
function numbers() {
  return watched.page.evaluate(() => {
    const number = (/** @type {string} */ test) => Number((document.querySelector(`[data-test="${test}"]`)?.textContent ?? '0').replaceAll(',', ''));
    const all = { received: number('received'), matched: number('matched'), shown: number('shown'), notShown: number('not-shown') };
    return { ...all, sampledOut: number('sampled-out'), waiting: number('waiting'), pushedOut: number('pushed-out') };
  });
}

/** @param {Awaited<ReturnType<typeof numbers>>} all */
function addsUp({ received, matched, shown, notShown, sampledOut, waiting, pushedOut }) {
  assert.ok(received >= matched, `${received} ${matched}`);
  assert.equal(matched, shown + notShown);
  assert.equal(notShown, sampledOut + waiting + pushedOut);
}

const acceptedByServer = async () => (await (await fetch(`${server.origin}/status`)).json()).counts.accepted;
const spelled = (/** @type {number} */ n) => new Intl.NumberFormat('en').format(n);

test('5,000 events a second for 10 s: few elements, and counts that are the server’s', async () => {
  const page = await openLive();
  let nElementsMax = 0;
  const watch = setInterval(async () => {
    nElementsMax = Math.max(nElementsMax, await page.evaluate(() => document.querySelectorAll('*').length).catch(() => 0));
  }, 500);
  const n = await flood(10, 10);
  clearInterval(watch);
  await says(page, 'matched', spelled(n));
  await says(page, 'received', spelled(n));
  assert.equal(await acceptedByServer(), n);
  const all = await numbers();
  addsUp(all);
  assert.ok(all.sampledOut > 0, 'the server sent a sample');
  assert.match((await page.locator('[data-test=why-not-shown]').textContent()) ?? '', /Not shown is not lost, all are stored/);
  nElementsMax = Math.max(nElementsMax, await page.evaluate(() => document.querySelectorAll('*').length));
  assert.ok(nElementsMax > 100 && nElementsMax < 3000, `${nElementsMax} elements`);
  await says(page, 'connection', /live$/);
  await watched.assertClean();
});

test('at full rate each of 4,000 events comes, and the buffer counts what it drops', async () => {
  const page = await openLive();
  await page.check('[data-test=full-rate]');
  await says(page, 'connection', /live$/);
  await flood(2, 4);
  await says(page, 'matched', '4,000');
  await says(page, 'shown', '4,000');
  await flood(2, 2);
  await says(page, 'matched', '6,000');
  await says(page, 'pushed-out', '1,000');
  addsUp(await numbers());
  await page.uncheck('[data-test=full-rate]');
  await server.sendMany(3);
  await says(page, 'matched', '6,003');
  await watched.assertClean();
});

test('10,000 rows that are there already: a page begins with the newest and adds up', async () => {
  for (let n = 0; n < 20; n += 1) await server.post('/events', BODY, 'application/x-ndjson');
  const page = await openLive();
  await waitFor('the database has all', async () => (await (await fetch(`${server.origin}/status`)).json()).lag.records === 0);
  await page.reload();
  await says(page, 'matched', '100');
  await server.sendMany(1);
  await says(page, 'matched', '101');
  await says(page, 'received', '101');
  addsUp(await numbers());
});

test('with a filter received counts all, matched those that match', async () => {
  await server.send({ category: 'rare', name: 'x' });
  const page = await openLive('/ui/?category=rare');
  await says(page, 'matched', '1');
  await server.sendMany(40);
  await server.send({ category: 'rare', name: 'y' });
  await says(page, 'matched', '2');
  await says(page, 'received', '42');
  await says(page, 'not-shown', '0');
});

test('a pause under load counts exactly, Read on keeps the place, Resume jumps to the newest', async () => {
  const page = await openLive();
  await server.sendMany(60);
  await says(page, 'matched', '60');
  await page.click('[data-test=pause]');
  const top = await rows(page).first().getAttribute('data-seq');
  const n = await flood(4, 3);
  await says(page, 'paused', new RegExp(`\\+${spelled(n)} since pause`));
  assert.equal(await rows(page).first().getAttribute('data-seq'), top);
  const before = await numbers();
  addsUp(before);
  assert.equal(before.shown, 60);
  assert.ok(before.waiting > 100);
  await page.click('[data-test=read-on]');
  await page.waitForFunction((seq) => {
    const view = document.querySelector('[data-test=scroller]')?.getBoundingClientRect();
    const box = document.querySelector(`[data-test=row][data-seq="${seq}"]`)?.getBoundingClientRect();
    return view !== undefined && box !== undefined && Math.abs(box.top - view.top) < 2;
  }, top);
  await says(page, 'shown', spelled(before.shown + before.waiting));
  await says(page, 'paused', /\+0 since pause/);
  addsUp(await numbers());
  await page.locator('[data-test=paused] >> text=Resume').click();
  await page.waitForFunction(() => document.querySelector('[data-test=scroller]')?.scrollTop === 0);
  assert.equal(await page.locator('[data-test=paused]').count(), 0);
  await watched.assertClean();
});

test('kill -9 under load: missed is exact, although only a sample is sent', async () => {
  const { page, context } = { page: await openLive(), context: watched.context };
  const before = await flood(4, 1);
  await says(page, 'matched', spelled(before));
  await server.kill();
  await says(page, 'connection', /offline/);
  await context.setOffline(true);
  await server.start();
  const missed = await flood(10, 2);
  await context.setOffline(false);
  await says(page, 'outage', new RegExp(`missed ${spelled(missed)} · caught up`));
  await says(page, 'matched', spelled(before + missed));
  const after = await flood(4, 1);
  await says(page, 'matched', spelled(before + missed + after));
  await says(page, 'outage', new RegExp(`missed ${spelled(missed)} · caught up`));
  addsUp(await numbers());
  await watched.assertClean();
});

test('a hidden tab draws nothing and counts on', async () => {
  const page = await openLive();
  await server.sendMany(3);
  await says(page, 'matched', '3');
  const hide = (/** @type {boolean} */ isHidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
  await hide(true);
  await page.evaluate(() => {
    /** @type {any} */ (window).__changes = 0;
    new MutationObserver((list) => (/** @type {any} */ (window).__changes += list.length)).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  const n = await flood(4, 2);
  assert.equal(await page.evaluate(() => /** @type {any} */ (window).__changes), 0);
  await hide(false);
  await says(page, 'matched', spelled(3 + n));
  addsUp(await numbers());
  await watched.assertClean();
});

test('a tab that nobody looks at for a minute asks for few rows, counts them all, and asks for more when it is seen', async () => {
  const { page } = watched;
  await page.clock.install();
  /** @type {string[]} */
  const rates = [];
  page.on('websocket', (socket) => rates.push(new URL(socket.url()).searchParams.get('max_rate') ?? ''));
  await openLive();
  await server.sendMany(3);
  await says(page, 'matched', '3');
  const look = (/** @type {boolean} */ isSeen) => page.evaluate((seen) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => !seen });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isSeen);
  await look(false);
  await page.clock.runFor(61_000);
  await waitFor('few rows are asked for', async () => rates.at(-1) === '10');
  await server.sendMany(500);
  await Promise.all([page.waitForEvent('websocket'), look(true)]);
  await says(page, 'matched', '503');
  addsUp(await numbers());
  // The clock that runs ahead makes the page believe in a silence, so it may have connected once more.
  assert.deepEqual([...new Set(rates)], ['500', '10']);
  assert.equal(rates.at(-1), '500');
  await watched.assertClean();
});

test('behind a proxy that closes WebSockets the page polls, says so, and misses nothing', async () => {
  const { page } = watched;
  await server.sendMany(2);
  await page.routeWebSocket(/\/live/, (socket) => socket.close({ code: 1011 }));
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'polling', /Your proxy closes WebSockets: showing polled updates/);
  await says(page, 'connection', /polling$/);
  await server.sendMany(700);
  await says(page, 'matched', '702');
  await server.send({ category: 'a', name: 'polled' });
  await says(page, 'matched', '703');
  assert.match((await rows(page).first().textContent()) ?? '', /stored.*polled/);
  addsUp(await numbers());
  await page.click('[data-test=polling] button');
  await server.send({ category: 'a', name: 'after another try' });
  await says(page, 'matched', '704');
  await says(page, 'connection', /polling$/);
  await watched.assertClean();
});

test('the chart begins with the server’s history, follows what arrives, and has a table', async () => {
  await server.sendMany(400);
  const page = await openLive();
  await server.sendMany(400);
  await page.click('[data-test=as-table]');
  await page.waitForFunction(() => [...document.querySelectorAll('[data-test=chart] td')].some((cell) => Number.parseFloat(cell.textContent ?? '') > 50));
  await page.click('[data-test=as-table]');
  await page.waitForSelector('[data-test=chart] canvas');
  await watched.assertClean();
});
