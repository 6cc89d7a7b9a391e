// Events are written by anybody. None of this may run, leave the origin, or disguise itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, rows, says, server, visit, watched } from './support.mjs';
import { answers, tell } from './told.mjs';

const CORPUS = [
  '<script>window.__pwn=1</script>',
  '<img src=x onerror="window.__pwn=1">',
  '"><svg onload=window.__pwn=1>',
  "'-window.__pwn=1-'",
  'javascript:window.__pwn=1',
  '</span></div><iframe srcdoc="<script>parent.__pwn=1</script>">',
  '<a href="https://evil.example/">click</a>',
  '<link rel=stylesheet href=https://evil.example/x.css>',
  '<style>@import "https://evil.example/x.css"</style>',
  '{{constructor.constructor("window.__pwn=1")()}}',
  '${window.__pwn=1}',
  '`+(window.__pwn=1)+`',
  '&lt;img src=x onerror=window.__pwn=1&gt;',
  '__proto__',
  'constructor',
  'toString',
  '","data":{"forged":true},"x":"',
  '%3Cscript%3Ewindow.__pwn=1%3C/script%3E',
  '=HYPERLINK("https://evil.example/")',
  '\u202Egnp.exe',
  'a\u200Bb\uFEFFc\u2066d\u2069',
  'مرحبا \u202B',
  'Z\u0351\u0343\u0357'.repeat(20),
  '🦅'.repeat(50),
  'x'.repeat(250),
];

eachTestHasAServerAndAPage();

/** Labels have a bound in bytes. @param {string} text @param {number} bytesMax */
function clipped(text, bytesMax) {
  const bytes = new TextEncoder().encode(text).slice(0, bytesMax);
  return new TextDecoder('utf-8').decode(bytes).replace(/\uFFFD+$/u, '');
}

/** As it stands in JSON, with hidden characters as escapes. @param {string} text */
function written(text) {
  return JSON.stringify(text).replace(/[\u200B\uFEFF\u2066\u2069\u202B\u202E]/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** @param {string} text @param {number} at */
const idOf = (text, at) => `${at} ${clipped(text, 120)}`;

async function sendAll() {
  for (const [at, text] of CORPUS.entries()) {
    await server.send({
      id: idOf(text, at),
      category: clipped(text, 256),
      name: clipped(text, 256),
      session_id: clipped(text, 256),
      data: { [text]: text, nested: [text, { [text]: [text] }] },
    });
  }
}

test('hostile text in every field is text, in the list, in the panel, in its tree and in the filter', async () => {
  const { page } = watched;
  await page.setViewportSize({ width: 1280, height: 1100 }); // all rows are in sight at once
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'connection', /live$/);
  await sendAll();
  await says(page, 'matched', String(CORPUS.length));
  assert.equal(await rows(page).count(), CORPUS.length);
  for (const tab of ['tree', 'raw']) {
    for (const [at, text] of [...CORPUS].reverse().entries()) {
      await page.click(`[data-test=row] >> nth=${at}`);
      await page.waitForFunction((nth) => document.querySelectorAll('[data-test=row]')[nth]?.classList.contains('row-open'), at);
      if (at === 0) await page.click(`[data-test=tab-${tab}]`);
      const shown = (await page.locator(`[data-test=${tab}]`).textContent()) ?? '';
      // The tree cuts long names, and says "repeated" of none.
      assert.ok(shown.includes(written(text)) || (tab === 'tree' && text.length > 190), `${shown} lacks ${written(text)}`);
    }
  }
  await page.click('.fields a:text("Only this") >> nth=1');
  await says(page, 'matched', '1');
  await watched.assertClean();

  // The same from the first page of a new list.
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'matched', String(CORPUS.length));
  await watched.assertClean();
});

test('hostile ids are addresses of their event and of their session, and the exports are files of ours', async () => {
  const { page } = watched;
  await sendAll();
  await server.send({ id: '..', category: 'x', name: 'dots', session_id: '..' });
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'matched', String(CORPUS.length + 1));
  for (const [at, text] of CORPUS.entries()) {
    await page.goto(`${server.origin}/ui/events/${encodeURIComponent(idOf(text, at))}`);
    await says(page, 'facts', new RegExp('stored'));
    await page.click('[data-test=facts] a[href^="/ui/sessions/"]');
    await page.waitForSelector('[data-test=entry]');
    await page.click('[data-test=category]');
    await page.waitForSelector('[data-test=hidden]');
    assert.equal(new URL(page.url()).searchParams.get('hide'), clipped(text, 256));
    if (at % 5 === 0) {
      const [file] = await Promise.all([page.waitForEvent('download'), page.click('text=Export NDJSON')]);
      assert.equal(file.suggestedFilename(), 'eyas-session.ndjson');
    }
    await watched.assertClean();
  }
  // Browsers take such a path apart, so there is no link to it, and the event opens on Live.
  await page.goto(`${server.origin}/ui/?event=..`);
  await says(page, 'detail', /Browsers cannot ask/);
  await says(page, 'matched', String(CORPUS.length + 1));
  await page.click('[data-test=row] >> nth=0');
  await says(page, 'facts', /dots/);
  assert.equal(await page.locator('[data-test=facts] a[href^="/ui/sessions/"]').count(), 0);
  await watched.assertClean();
});

test('hostile text in every field is text on Events: in facets, in the table, in the groups of invalid ones', async () => {
  const { page } = watched;
  await sendAll();
  await page.goto(`${server.origin}/ui/events`);
  await says(page, 'n-rows', `${CORPUS.length} rows`);
  await page.waitForSelector('[data-test=facet-category] button');
  assert.equal(await page.locator('[data-test=facet-category] button').count(), 20);
  await page.click('[data-test=facet-category] button >> nth=0');
  await says(page, 'n-rows', '1 row');
  await page.click('[data-test=row]');
  await page.waitForSelector('[data-test=tree]');
  await watched.assertClean();
  for (const text of CORPUS.filter((_, at) => at % 3 === 0)) {
    await page.goto(`${server.origin}/ui/events?${new URLSearchParams({ name: clipped(text, 200), q: clipped(text, 100), [text]: text, from: text, after: text })}`);
    await page.waitForSelector('[data-test=chip]');
    await watched.assertClean();
  }
  const groups = CORPUS.map((text) => ({
    application: text, stream: text, category: text, name: text, rule: text, pointer: text, count: 1, first_seen: text, last_seen: text, sample: { seq: 1, id: text, message: text },
  }));
  const values = CORPUS.map((value) => ({ value, count: 1 }));
  const facets = Object.fromEntries(['application', 'category', 'name', 'stream', ...CORPUS].map((field) => [field, values]));
  await page.route(/\/invalid\?/, (route) => route.fulfill({ json: { groups, complete: true } }));
  await page.route(/\/events\/facets/, (route) => route.fulfill({ json: { facets, examined: 1, complete: false } }));
  await page.goto(`${server.origin}/ui/events?tab=invalid`);
  await page.waitForSelector('[data-test=facet-name]');
  await page.waitForSelector('[data-test=groups-row]');
  const shown = await page.locator('[data-test=groups-row]').allTextContents();
  const links = await page.locator('[data-test=groups-row] a').evaluateAll((found) => found.map((link) => link.getAttribute('href') ?? ''));
  for (const [at, text] of CORPUS.entries()) {
    assert.ok(shown[at]?.includes(written(text).slice(1, -1).slice(0, 40)) || /["\\]/.test(text), `${shown[at]} lacks ${text}`);
    assert.equal(new URL(links[at] ?? '', server.origin).searchParams.get('name'), text.toWellFormed());
  }
  await watched.assertClean();
});

test('what a broken or hostile server says on Health is text', async () => {
  const { page } = watched;
  for (const text of CORPUS.slice(0, 6)) {
    const status = {
      version: text, started_at: text, log: { durability: text }, lag: { records: 1, seconds: 2 }, rates: { accepted_per_s: 1, stored_per_s: 1 },
      counts: { accepted: 1, invalid: 0, dead: 0 }, consumer: { state: 'waiting', reason: text }, subscribers: 0, connections: 0, rate_limited: { token: 0, address: 0, refusals: 0 },
      limits: { stage: text, sentence: text, drain_s: null, busy: {} }, disk: null, latency: { commit_us: null, request_us: null, apply_us: null },
    };
    const history = { range: '5m', step_s: 1, start: '2026-11-01T00:00:00Z', columns: { [text]: [1, 2] }, marks: [{ at: text, what: text }] };
    await page.route(/\/status/, (route) => route.fulfill({ json: route.request().url().includes('history') ? history : status }));
    await page.goto(`${server.origin}/ui/health`);
    await page.waitForSelector('[data-test=chart]');
    await page.waitForFunction((sentence) => document.querySelector('[data-test=sentence]')?.textContent?.includes(sentence), text);
    await watched.assertClean();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  }
});

test('hostile text in every field of applications, tokens, schemas, dead letters, jobs, batches, queries and the audit is text', async () => {
  const { page } = watched;
  /** @type {Map<string, object>} */
  const told = new Map();
  await tell(page, told);
  await page.goto(`${server.origin}/ui/nothing`);
  const path = '[data-test=apps], [data-test=schemas], [data-test=dead], [data-test=letter], [data-test=batches], [data-test=batch], [data-test=sql-screen]';
  for (const [at, text] of CORPUS.entries()) {
    for (const [asked, answer] of answers(text, 2)) told.set(asked, answer);
    const query = new URLSearchParams({ stream: 'events', category: text, name: text });
    for (const [screen, wanted] of /** @type {[string, string][]} */ ([
      ['/ui/apps', 'app-list-row'], [`/ui/apps/${encodeURIComponent(text)}`, 'token-list-row'], ['/ui/schemas', 'schema-list-row'], [`/ui/schemas?${query}`, 'versions-row'],
      ['/ui/dead', 'dead-groups-row'], [`/ui/dead?${new URLSearchParams({ reason: text })}`, 'letters-row'], ['/ui/dead/1', 'words'],
      // Every third text, which is of each kind.
      ...(at % 3 > 0 ? [] : [
        ['/ui/batches', 'batch-list-row'], ['/ui/batches/b0', 'batch-facts'], ['/ui/batches/b4', 'row-errors-row'], ['/ui/batches/b11', 'same-as'],
        [`/ui/sql/${encodeURIComponent(text)}?p.day=2016-01-01&run=1`, 'answer-row'], [`/ui/sql?${new URLSearchParams({ sql: text })}`, 'ad-hoc'],
      ]),
    ])) {
      await visit(page, screen);
      await page.waitForSelector(`[data-test=${wanted}]`);
      if (wanted === 'versions-row') {
        await page.click('[data-test=test]');
        await page.click('[aria-label="Compare with version 2"]');
        await page.waitForSelector('[data-test=diff]');
        await page.waitForSelector('[data-test=test-groups-row]');
        assert.equal(JSON.parse(await page.inputValue('[data-test=editor]')).description, text);
      }
      if (wanted === 'ad-hoc') {
        await page.click('[data-test=run-sql]');
        await page.waitForSelector('[data-test=answer-row]');
      }
      const shown = (await page.locator(path).textContent()) ?? '';
      assert.ok(shown.includes(written(text).slice(1, -1).slice(0, 40)) || text.includes('"'), `${screen} lacks ${text}`);
      await watched.assertClean();
    }
  }
});

test('hostile addresses are a filter, or nothing', async () => {
  const { page } = watched;
  for (const text of CORPUS) {
    await page.goto(`${server.origin}/ui/?${new URLSearchParams({ name: clipped(text, 200), session: clipped(text, 200), [text]: text })}`);
    await says(page, 'connection', /live$/);
    await says(page, 'no-match', /No event matches/);
    await watched.assertClean();
  }
});

test('text that turns or hides itself is shown with visible escapes', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'connection', /live$/);
  await server.send({ category: 'x', name: '\u202Egnp.exe' });
  await says(page, 'matched', '1');
  assert.equal(await page.locator('[data-test=row] .cell-name b').textContent(), '\\u202Egnp.exe');
  assert.equal(await page.locator('[data-test=row] .cell-name .esc').textContent(), '\\u202E');
  await watched.assertClean();
});

test('a large event opens cut, and in full when asked', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'connection', /live$/);
  await server.send({ category: 'x', name: 'large', data: 'y'.repeat(200_000) });
  await says(page, 'matched', '1');
  await page.click('[data-test=row]');
  await says(page, 'tree', /^ ?"y{1023}… show all 200 kB$/);
  await page.click('[data-test=node]');
  await page.waitForFunction(() => document.querySelector('[data-test=tree]')?.textContent?.length === 200_002);
  await page.click('[data-test=tab-raw]');
  await page.waitForFunction(() => document.querySelector('[data-test=raw]')?.textContent?.length === 64 * 1024 + 1);
  await page.click('text=Show all 200,002 characters');
  await page.waitForFunction(() => document.querySelector('[data-test=raw]')?.textContent?.length === 200_002);
  await watched.assertClean();
});
