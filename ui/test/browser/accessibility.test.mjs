// Every screen, in both themes and on a phone, against WCAG 2.2 AA as far as a program can judge it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessibilityFaults, launch, says, Server, visit, watchedPage } from './support.mjs';
import { answers, tell } from './told.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Server} */
let server;

before(async () => {
  browser = await launch();
  server = await Server.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Widths, and the themes in which each screen is looked at there. */
const SHAPES = /** @type {const} */ ([[1280, ['light', 'dark']], [390, ['light']]]);
const BACKGROUNDS = { light: 'rgb(255, 255, 255)', dark: 'rgb(18, 20, 23)' };

const INVALID = {
  application: 'web', stream: 'raw', category: 'a', name: 'b', rule: 'enum', pointer: '/data/element', count: 3,
  first_seen: '2026-11-01T00:00:00.000000Z', last_seen: '2026-11-02T00:00:00.000000Z', sample: { seq: 1, id: 'x', message: 'is not one of these' },
};

/** @typedef {import('playwright-core').Page} Page */
/** Each state of a screen that looks different, and how one gets there. @type {[string, string, (page: Page) => Promise<unknown>][]} */
const PLACES = [
  ['Live', '/ui/', (page) => page.waitForSelector('[data-test=row]')],
  ['Live, with a filter and an open event', '/ui/?category=a&event=bad', async (page) => {
    await page.waitForSelector('[data-test=row]');
    await says(page, 'facts', /invalid/);
  }],
  ['Live, nothing matches', '/ui/?name=none', (page) => says(page, 'no-match', /No event matches/)],
  ['Events, with an open event', '/ui/events?category=a&event=bad', async (page) => {
    await says(page, 'facts', /invalid/);
    await says(page, 'n-rows', /rows/);
    await page.waitForSelector('[data-test=histogram] canvas');
    await page.waitForSelector('[data-test=facet-category]', { state: 'attached' });
  }],
  ['Events, facets, custom range and menu', '/ui/events?from=2026-01-01T00:00:00Z', async (page) => {
    await says(page, 'n-rows', /rows/);
    await page.evaluate(() => document.querySelector('[data-test=facets]')?.setAttribute('open', ''));
    await page.click('[data-test=count-matches]');
    await page.click('[data-test=as-table]');
    await page.click('[data-test=export] summary');
    await says(page, 'count', /42 matches/);
  }],
  ['Events, nothing in the range', '/ui/events?to=2020-01-01T00:00:00Z', (page) => says(page, 'no-rows', /No event/)],
  ['Events, groups of invalid ones', '/ui/events?tab=invalid', async (page) => {
    await page.route(/\/invalid\?/, (route) => route.fulfill({ json: { complete: false, groups: [INVALID] } }));
    await page.reload();
    await page.waitForSelector('[data-test=groups-row]');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  }],
  ['Events, a part fails', '/ui/events', async (page) => {
    await page.route(/\/events\/facets/, (route) => route.fulfill({ status: 500, json: { detail: 'Out of order.' } }));
    await page.reload();
    await page.waitForSelector('[data-test=facets] [data-test=failed]', { state: 'attached' });
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  }],
  ['Help', '/ui/', async (page) => {
    await page.waitForSelector('[data-test=row]');
    await page.click('[aria-label="Help and keys"]');
    await page.waitForSelector('dialog[open]');
  }],
  ['Event, tree', '/ui/events/rich', (page) => page.waitForSelector('[data-test=tree]')],
  ['Event, raw', '/ui/events/rich', async (page) => {
    await page.click('[data-test=tab-raw]');
    await page.waitForSelector('[data-test=raw]');
  }],
  ['Event, missing', '/ui/events/none', (page) => says(page, 'missing', /no event/)],
  ['Session', '/ui/sessions/s1?hide=b', (page) => page.waitForSelector('[data-test=entry]')],
  ['Session, empty', '/ui/sessions/none', (page) => says(page, 'empty', /No event/)],
  ['Health', '/ui/health', async (page) => {
    await page.waitForSelector('[data-test=charts]');
    await page.click('[data-test=as-table] >> nth=0');
    await page.waitForSelector('[data-test=chart] table');
  }],
  ['No such screen', '/ui/nothing', (page) => says(page, 'no-screen', /no such screen/)],
];

/** What scrolls sideways, or sticks out: the page itself, or a screen that scrolls within it. @param {Page} page */
function sideways(page) {
  return page.evaluate(() => [document.documentElement, ...document.querySelectorAll('main, .card')]
    .filter((part) => part.scrollWidth > part.clientWidth).map((part) => `${part.tagName} ${part.className}: ${part.scrollWidth} of ${part.clientWidth} px`));
}

/** The page as it stands, in each theme. @param {Page} page @param {string} name @param {(typeof SHAPES)[number]} shape */
async function assertNoFault(page, name, [width, schemes]) {
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme });
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor), BACKGROUNDS[colorScheme]);
    assert.deepEqual(await accessibilityFaults(page), [], `${name}, ${colorScheme}, ${width} px`);
  }
  assert.deepEqual(await sideways(page), [], `${name}, ${width} px`);
}

/** @param {(typeof SHAPES)[number]} shape */
const pageOf = ([width]) => watchedPage(browser, server, { viewport: { width, height: 844 }, reducedMotion: 'reduce' });

test('no screen has a fault in any theme or width, and none scrolls sideways', async () => {
  const bad = { id: 'bad', category: 'a', name: 'from the future', session_id: 's1', timestamp: new Date(Date.now() + 3_600_000).toISOString() };
  await server.send(bad);
  await server.post('/events', '{"id":"rich","category":"b","name":"x","session_id":"s1","data":{"n":1.0,"w":null,"s":"\u202Ex","a":[1,{"b":[]}],"n":2}}');
  await server.sendMany(40, { session_id: 's1', category: 'a' });
  for (const shape of SHAPES) {
    const { page, context, assertClean } = await pageOf(shape);
    for (const [name, path, arrive] of PLACES) {
      await page.goto(server.origin + path);
      await arrive(page);
      await says(page, 'connection', /live$/);
      await assertNoFault(page, name, shape);
    }
    await assertClean();
    await context.close();
  }
});

/** The screens that administer, and what opens on them. @type {[string, string, (page: Page) => Promise<unknown>][]} */
const ADMIN = [
  ['Applications', '/ui/apps', (page) => page.waitForSelector('[data-test=audit-row]')],
  ['New application', '/ui/apps', (page) => page.click('[data-test=new-app]')],
  ['An application', '/ui/apps/web', (page) => page.waitForSelector('[data-test=token-list-row]')],
  ['New token', '/ui/apps/web', async (page) => {
    await page.click('[data-test=new-token]');
    await page.selectOption('[name=kind]', 'browser');
  }],
  ['Revoke', '/ui/apps/web', (page) => page.click('text=Revoke >> nth=0')],
  ['Schemas', '/ui/schemas', (page) => page.waitForSelector('[data-test=schema-list-row]')],
  ['A schema', '/ui/schemas?stream=events&category=web&name=web', async (page) => {
    await page.click('[data-test=test]');
    await page.waitForSelector('[data-test=test-groups-row]');
    await page.click('[aria-label="Compare with version 2"]');
    await page.waitForSelector('[data-test=diff]');
  }],
  ['Save a schema', '/ui/schemas?stream=events&category=web&name=web', (page) => page.click('[data-test=save]')],
  ['Dead letters', '/ui/dead', (page) => page.waitForSelector('[data-test=dead-groups-row]')],
  ['Dead letters of a group, and their replay', '/ui/dead?reason=web', async (page) => {
    await page.check('[data-test=choose] >> nth=1');
    await page.click('[data-test=replay-all]');
    await says(page, 'preview', /1,234/);
  }],
  ['Batches', '/ui/batches', (page) => page.waitForSelector('[data-test=batch-list-row]')],
  ['Batches, a file is chosen', '/ui/batches', async (page) => {
    await page.setInputFiles('[data-test=file]', { name: 'prices.csv', mimeType: 'text/csv', buffer: Buffer.from('a\n1\n') });
    await page.waitForSelector('[data-test=columns]');
  }],
  ['A batch that arrives', '/ui/batches/b0', (page) => page.waitForSelector('[data-test=go-on]')],
  ['A batch that waits, and its end', '/ui/batches/b1', (page) => page.click('[data-test=cancel]')],
  ['A batch that is applied', '/ui/batches/b2', (page) => says(page, 'bar-text', '31,200 of 48,210 rows')],
  ['A batch that was rejected', '/ui/batches/b4', (page) => page.waitForSelector('[data-test=row-errors-row]')],
  ['A batch that came twice', '/ui/batches/b11', (page) => page.waitForSelector('[data-test=same-as]')],
  ['A query and its answer', '/ui/sql/web?p.day=2016-01-01&run=1', (page) => page.waitForSelector('[data-test=answer-row]')],
  ['A query as a chart', '/ui/sql/web?p.day=2016-01-01&run=1', (page) => page.click('[data-test=as-chart]')],
  ['A query as JSON', '/ui/sql/web?p.day=2016-01-01&run=1', (page) => page.click('[data-test=as-json]')],
  ['SQL of one’s own', '/ui/sql?sql=select+1', async (page) => {
    await page.click('[data-test=run-sql]');
    await page.waitForSelector('[data-test=answer-row]');
  }],
  ['A dead letter', '/ui/dead/1', (page) => page.waitForSelector('[data-test=tree]')],
];

test('the screens that administer have no fault in any theme or width, full or empty', async () => {
  for (const shape of SHAPES) {
    const { page, context, assertClean } = await pageOf(shape);
    /** Each screen anew, in the page that is there. @param {string} path */
    const visitAnew = async (path) => {
      await visit(page, '/ui/nothing');
      await page.waitForSelector('[data-test=no-screen]');
      await visit(page, path);
    };
    const told = answers('web', 3);
    await tell(page, told);
    await page.goto(`${server.origin}/ui/nothing`);
    for (const [name, path, arrive] of ADMIN) {
      await visitAnew(path);
      await arrive(page);
      await assertNoFault(page, name, shape);
    }
    for (const [asked, answer] of answers('web', 0)) told.set(asked, answer);
    for (const path of ['/ui/apps', '/ui/schemas', '/ui/dead', '/ui/apps/none', '/ui/dead?name=none', '/ui/batches', '/ui/sql']) {
      await visitAnew(path);
      await page.waitForSelector('[data-test=empty], [data-test=no-app], [data-test=no-letters], [data-test=no-tables]');
      await assertNoFault(page, path, shape);
    }
    told.set('/session', { required: true, signed_in: false, roles: [], actor: null, expires_at: null });
    await page.goto(`${server.origin}/ui/`);
    await page.waitForSelector('[data-test=sign-in]');
    await assertNoFault(page, 'sign-in', shape);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await assertClean();
    await context.close();
  }
});

test('the empty state, and an outage', async () => {
  const fresh = await Server.start();
  const { page, context } = await watchedPage(browser, fresh);
  await page.goto(`${fresh.origin}/ui/`);
  await says(page, 'empty', /Waiting for the first event/);
  assert.deepEqual(await accessibilityFaults(page), []);
  await fresh.sendMany(3);
  await says(page, 'matched', '3');
  await fresh.stop();
  await says(page, 'outage', /Offline/);
  assert.deepEqual(await accessibilityFaults(page), []);
  await context.close();
});
