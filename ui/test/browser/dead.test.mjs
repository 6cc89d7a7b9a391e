// Dead letters against the real server: a trigger in the database refuses events for good, and a person looks, mends
// and replays them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { eachTestHasAServerAndAPage, rows, says, server, waitFor, watched } from './support.mjs';

eachTestHasAServerAndAPage();

/** Changes the database beside the running server. @param {string} sql */
async function beside(sql) {
  const script = 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=10); c.executescript(sys.argv[2]); c.close()';
  await promisify(execFile)('python3', ['-c', script, `${server.dir}/eyas.db`, sql]);
}

/** The words that the database says are anybody's, too. */
const WORDS = '<img src=x onerror="window.__pwn=1"> none of these';

const refuse = () => beside(`CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.name LIKE 'bad%' BEGIN SELECT RAISE(ABORT, '${WORDS}'); END`);
const heal = () => beside('DROP TRIGGER refuse');

/** @param {number} n */
async function nOpen(n) {
  await waitFor(`${n} dead letters are open`, async () => (await (await fetch(`${server.origin}/dead-letters`)).json()).counts.open === n);
}

test('refused events are grouped, read, replayed once the cause is gone, and stored once', async () => {
  const { page } = watched;
  await refuse();
  await server.sendMany(40);
  await server.send({ id: 'b1', category: 'shop', name: 'bad <b>sale</b>', data: { n: 12345678901234567890n.toString(), deep: [1.0] } });
  for (let at = 2; at < 6; at += 1) await server.send({ id: `b${at}`, category: 'sign', name: 'bad sign' });
  await nOpen(5);
  await page.goto(`${server.origin}/ui/dead`);
  await page.waitForSelector('[data-test=dead-groups-row]');
  assert.equal(await page.locator('[data-test=dead-groups-row]').count(), 2);
  await says(page, 'nav-dead', /^5/);
  await page.click('text=bad <b>sale</b>');
  await page.waitForSelector('[data-test=letters-row]');
  // One of them is in this group; five are open.
  await says(page, 'tab-open', /^Open 1$/);
  await says(page, 'nav-dead', /^5/);
  await page.click('[data-test=letters-row] a');
  await says(page, 'words', /<img src=x onerror="window\.__pwn=1"> none of these/);
  await says(page, 'tree', /"12345678901234567890"/);
  await page.click('[data-test=letter-facts] a[href="/ui/events/b1"]');
  await says(page, 'facts', /☠ dead/);
  await page.click('[data-test=to-dead]');
  await page.waitForSelector('[data-test=letter]');

  // While the cause is there it fails again.
  await page.click('[data-test=replay-this]');
  await says(page, 'preview', /1 event/);
  await page.click('[data-test=ask] button.primary');
  await says(page, 'job-counts', /0 stored · ✗ 1 failed again/);
  await heal();
  await page.goto(`${server.origin}/ui/dead`);
  await page.waitForSelector('[data-test=dead-groups-row]');
  await page.keyboard.press('Shift+R');
  await says(page, 'preview', /^ ?5 events/);
  await page.click('[data-test=ask] button.primary');
  await says(page, 'job-counts', /✓ 5 stored · ✗ 0 failed again · 0 skipped/);
  await says(page, 'job-state', '✓ done');
  await says(page, 'empty', /No dead letters/);
  await page.click('[data-test=tab-replayed]');
  await page.waitForSelector('[data-test=dead-groups-row]');
  assert.equal((await (await fetch(`${server.origin}/events?name=bad*`)).json()).events.length, 5);
  await watched.assertClean();
});

test('a row of Live that died says so, and turns when it is replayed', async () => {
  const { page } = watched;
  await refuse();
  await server.send({ id: 'b1', category: 'sign', name: 'bad sign' });
  await nOpen(1);
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'connection', /live$/);
  await server.send({ id: 'b2', category: 'sign', name: 'bad again' });
  await nOpen(2);
  await rows(page).first().waitFor();
  await heal();
  await fetch(`${server.origin}/dead-letters/replay`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"filter":{}}' });
  await page.waitForFunction(() => [...document.querySelectorAll('[data-test=row]')].every((row) => row.getAttribute('data-state') === 'stored'));
  await nOpen(0);
});

test('discarding wants a reason, which stays; restoring opens them again', async () => {
  const { page } = watched;
  await refuse();
  for (let at = 0; at < 3; at += 1) await server.send({ id: `b${at}`, category: 'sign', name: 'bad sign' });
  await nOpen(3);
  await page.goto(`${server.origin}/ui/dead?reason=refused`);
  await page.waitForSelector('[data-test=letters-row]');
  await page.check('[data-test=choose] >> nth=0');
  await page.check('[data-test=choose] >> nth=1');
  await page.click('[data-test=discard-selected]');
  await page.click('[data-test=ask] button.primary');
  assert.equal(await page.locator('[data-test=ask]').count(), 1, 'no reason, no discarding');
  await page.fill('[name=note]', 'test data <script>window.__pwn=1</script>');
  await page.click('[data-test=ask] button.primary');
  await nOpen(1);
  await page.click('[data-test=tab-discarded]');
  await waitFor('two are discarded', async () => (await page.locator('[data-test=letters-row]').count()) === 2);
  await says(page, 'letters-row', /test data <script>window\.__pwn=1<\/script>/);
  await page.click('[data-test=restore-all]');
  await page.click('[data-test=ask] button.primary');
  await nOpen(3);
  await watched.assertClean();
});
