// kill -9, a restart, and a page that misses nothing and says how much it had missed.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { eachTestHasAServerAndAPage, rows, says, server, watched } from './support.mjs';

eachTestHasAServerAndAPage();
beforeEach(async () => {
  await watched.page.goto(`${server.origin}/ui/`);
  await says(watched.page, 'connection', /live$/);
});

test('kill -9: what came while the page was offline is counted exactly and shown', async () => {
  const { page, context } = watched;
  await server.sendMany(3);
  await says(page, 'matched', '3');
  await server.kill();
  await says(page, 'connection', /offline/);
  await says(page, 'outage', /^Offline \d+ s/);

  // The page must not come back before the events are there.
  await context.setOffline(true);
  await server.start();
  await server.sendMany(37);
  await says(page, 'connection', /offline/);
  await says(page, 'matched', '3');
  await context.setOffline(false);

  await says(page, 'outage', /missed 37 · caught up/);
  await says(page, 'connection', /live$/);
  await says(page, 'matched', '40');
  const names = await rows(page).allTextContents();
  assert.match(names[0] ?? '', /event 36/);

  // What comes later was not missed.
  await server.sendMany(2);
  await says(page, 'matched', '42');
  await says(page, 'outage', /missed 37 · caught up/);
  await page.click('[data-test=outage] button');
  await page.waitForSelector('[data-test=outage]', { state: 'detached' });
  await watched.assertClean();
});

test('three kills in a row: no gap, no repeat', async () => {
  const { page } = watched;
  for (let round = 1; round <= 3; round += 1) {
    await server.sendMany(20, { name: `round ${round}` });
    await server.kill();
    await says(page, 'connection', /offline/);
    await server.start();
    await server.sendMany(20, { name: `round ${round}` });
    await says(page, 'connection', /live$/);
    await says(page, 'matched', String(round * 40));
  }
  const seqs = await page.evaluate(() => [...document.querySelectorAll('[data-test=row]')].map((row) => Number(row.getAttribute('data-seq'))));
  assert.equal(new Set(seqs).size, seqs.length);
  assert.deepEqual(seqs, [...seqs].sort((a, b) => b - a));
  await watched.assertClean();
});

test('a paused page keeps its list through an outage and counts on', async () => {
  const { page } = watched;
  await server.sendMany(5);
  await says(page, 'matched', '5');
  await page.click('[data-test=pause]');
  await server.kill();
  await says(page, 'connection', /offline/);
  await server.start();
  await server.sendMany(4);
  await says(page, 'paused', /\+4 since pause/);
  await says(page, 'shown', '5');
  await page.click('[data-test=pause]');
  await says(page, 'shown', '9');
  await watched.assertClean();
});

test('a page opened while the server is down fills itself when it is back', async () => {
  const { page } = watched;
  await server.sendMany(7);
  await says(page, 'matched', '7');
  await server.kill();
  await says(page, 'connection', /offline/);
  await page.fill('#filter', 'name:"event 6"');
  await page.keyboard.press('Enter');
  await says(page, 'unreachable', /cannot be reached/);
  await server.start();
  await says(page, 'matched', '1');
  await says(page, 'connection', /live$/);
  await watched.assertClean();
});

test('a server with another data directory begins a new list', async () => {
  const { page } = watched;
  await server.sendMany(9);
  await says(page, 'matched', '9');
  await server.kill();
  await server.wipe();
  await server.start();
  await server.sendMany(2);
  await says(page, 'instance', /began anew/);
  await says(page, 'matched', '2');
  await says(page, 'shown', '2');
  await watched.assertClean();
});

test('a graceful stop ends with a goodbye, and the page resumes where it was', async () => {
  const { page } = watched;
  await server.sendMany(6);
  await says(page, 'matched', '6');
  await server.kill('SIGTERM');
  await says(page, 'connection', /offline/);
  await server.start();
  await server.sendMany(6);
  await says(page, 'matched', '12');
  await says(page, 'outage', /caught up/);
  await watched.assertClean();
});

test('a gap is said in words and stays until it is dismissed', async () => {
  const { page } = watched;
  await page.routeWebSocket(/\/live/, (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((message) => {
      socket.send(message);
      const { type, head } = JSON.parse(String(message));
      if (type === 'hello') socket.send(JSON.stringify({ type: 'gap', from: '0a1b2c3d.7', to: head, why: 'trimmed' }));
    });
  });
  await page.reload();
  await says(page, 'gap', /Cannot resume without a gap: events behind 0a1b2c3d\.7 up to \S+ are not shown, because they are no longer kept/);
  await server.send({ category: 'a', name: 'after the gap' });
  await says(page, 'matched', '1');
  await page.click('[data-test=gap] button');
  await page.waitForSelector('[data-test=gap]', { state: 'detached' });
  await watched.assertClean();
});
