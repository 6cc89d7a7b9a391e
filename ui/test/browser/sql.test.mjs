// SQL: published queries with their parameters in the address, answers as they were written, and SQL of one's own.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, says, server, visit, waitFor, watched } from './support.mjs';
import { answers, tell } from './told.mjs';

eachTestHasAServerAndAPage({
  'eyas.toml': `
[queries.numbers]
path = "/numbers"
sqlite = "queries/numbers.sql"
description = "Numbers as they are"
params = { n = { type = "int", default = 3 }, codes = { type = "text[]", optional = true, description = "any" } }
cache = "60s"
[queries.named]
path = "/named"
sqlite = "queries/named.sql"
params = { name = "text" }
[sql]
enabled = true
`,
  'queries/numbers.sql': "SELECT :n AS n, 9007199254740993 AS big, :codes AS codes, '<b>' AS text\n",
  'queries/named.sql': "SELECT seq FROM eyas.events WHERE name = :name ORDER BY seq\n",
});

const BODY = '{"rates":[{"day":"2016-01-02","price":12345678901234567890},{"day":"2016-01-01","price":1.10}]}';

test('a query is filled in and run by the keyboard, its address keeps the values, and numbers stay as written', async () => {
  const { page } = watched;
  await tell(page, answers('rates', 1));
  /** @type {string[]} */
  const asked = [];
  await page.route((url) => url.pathname === '/rates', (route) => {
    asked.push(new URL(route.request().url()).search);
    return route.fulfill({ contentType: 'application/json', body: BODY });
  });
  await page.goto(`${server.origin}/ui/sql`);
  await page.click('[data-test=query-link]');
  await page.fill('[name=day]', '2016-01-02');
  await page.fill('[name=codes]', 'CNSGH\nb c');
  await page.focus('[name=codes]');
  await page.keyboard.press('Control+Enter');
  await says(page, 'answer-facts', /^2 rows · [\d.]+ ms$/);
  assert.deepEqual(asked, ['?day=2016-01-02&codes=CNSGH&codes=b+c']);
  const cells = await page.locator('[data-test=answer-row] td').allTextContents();
  assert.deepEqual(cells, ['2016-01-02', '12345678901234567890', '2016-01-01', '1.10']);
  assert.equal(new URL(page.url()).search, '?p.day=2016-01-02&p.codes=CNSGH&p.codes=b+c&run=1');
  await page.click('[data-test=as-json]');
  await says(page, 'answer-text', BODY);
  await page.click('[data-test=as-chart]');
  await page.waitForSelector('[data-test=answer-chart] canvas');
  assert.equal(await page.getAttribute('[data-test=csv-link]', 'href'), '/rates.csv?day=2016-01-02&codes=CNSGH&codes=b+c');
  await says(page, 'snippet', new RegExp(`curl '${server.origin}/rates\\?day=2016-01-02&codes=CNSGH&codes=b\\+c'`));

  // The same from the address alone, and back to what was there before.
  await page.reload();
  await says(page, 'answer-facts', /^2 rows/);
  assert.equal(await page.inputValue('[name=codes]'), 'CNSGH\nb c');
  await page.fill('[name=day]', '2016-01-03');
  await page.click('[data-test=run]');
  await page.waitForFunction(() => location.search.includes('2016-01-03'));
  await page.goBack();
  await page.waitForFunction(() => /** @type {HTMLInputElement} */ (document.querySelector('[name=day]')).value === '2016-01-02');
  await watched.assertClean();
});

test('what the server refuses is said in its words, and the answer before stays', async () => {
  const { page } = watched;
  await tell(page, answers('rates', 1));
  await page.goto(`${server.origin}/ui/sql/rates?p.day=2016-01-01&run=1`);
  await page.waitForSelector('[data-test=answer-row]');
  await page.route((url) => url.pathname === '/rates', (route) => route.fulfill({ status: 422, headers: { 'x-request-id': 'r7' }, json: { code: 'query_timeout', detail: 'It took longer than 5 s.' } }));
  await page.fill('[name=codes]', 'x');
  await page.click('[data-test=run]');
  await says(page, 'failed', /gave no answer.*It took longer than 5 s\..*Status 422 · request r7/);
  assert.equal(await page.locator('[data-test=answer-row]').count(), 3);
  await page.goto(`${server.origin}/ui/sql/none`);
  await says(page, 'no-query', /There is no query none/);
  await watched.assertClean();
});

test('SQL of one’s own: an answer, a refusal in the database’s words, and the card when it is off', async () => {
  const { page } = watched;
  await tell(page, answers('rates', 0));
  let [status, code] = [200, 'sql_refused'];
  await page.route((url) => url.pathname === '/sql', (route) => {
    assert.equal(route.request().headers()['x-requested-by'], 'console');
    if (status === 200) return route.fulfill({ contentType: 'application/json', body: '{"columns":[{"name":"n","type":""},{"name":"n","type":""}],"rows":[[9007199254740993,null]],"truncated":true,"ms":0.412}' });
    return route.fulfill({ status, json: status === 422 ? { code, detail: 'near "drop": not a statement that reads' } : { code: 'sql_disabled', detail: 'Off.' } });
  });
  await page.goto(`${server.origin}/ui/sql`);
  await says(page, 'empty', /No query is published yet.*where day between :date_from.*\[queries\.rates\]/);
  assert.equal(await page.isDisabled('[data-test=run-sql]'), true);
  await page.fill('[data-test=sql]', 'select 1');
  await page.keyboard.press('Control+Enter');
  await says(page, 'answer-facts', /^1 row · 0\.4 ms · ⚠ cut: there are more$/);
  assert.deepEqual(await page.locator('[data-test=answer-row] td').allTextContents(), ['9007199254740993', 'null']);
  assert.equal(new URL(page.url()).searchParams.get('sql'), 'select 1');
  status = 422;
  await page.click('[data-test=run-sql]');
  await says(page, 'refused', /Not run\. near "drop": not a statement that reads/);
  code = 'query_timeout';
  await page.click('[data-test=run-sql]');
  await says(page, 'refused', /^✗ No answer\. /);
  status = 404;
  await page.click('[data-test=run-sql]');
  await says(page, 'sql-off', /\[sql\].*enabled = true/);
  await watched.assertClean();
});

test('who may only read sees the queries, and that SQL of one’s own is not for them', async () => {
  const { page } = watched;
  await tell(page, answers('rates', 2).set('/session', { required: true, signed_in: true, roles: ['read'], actor: 'x', expires_at: null }));
  await page.goto(`${server.origin}/ui/sql`);
  await says(page, 'look-only', /scope admin/);
  assert.equal(await page.isDisabled('[data-test=sql]'), true);
  await page.waitForSelector('[data-test=query-link]');
  assert.equal(await page.locator('[data-test=query-link]').count(), 2);
});

test('against the real server: numbers to the last digit, refusals that name the parameter, a file, and what administrators ask', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/sql/numbers`);
  await says(page, 'query', /Numbers as they are ?GET \/numbers · scope read · may be kept for 60 s/);
  await page.fill('[name=codes]', 'a\nb');
  await page.click('[data-test=run]');
  await says(page, 'answer-facts', /^1 row/);
  assert.deepEqual(await page.locator('[data-test=answer-row] td').allTextContents(), ['3', '9007199254740993', '["a","b"]', '<b>']);
  await page.fill('[name=n]', '1.5');
  await page.click('[data-test=run]');
  await says(page, 'failed', /"n" must be a whole number of 64 bits, not "1\.5"/);
  await page.fill('[name=n]', '-9223372036854775808');
  await page.click('[data-test=run]');
  await page.waitForFunction(() => document.querySelector('[data-test=answer-row] td')?.textContent === '-9223372036854775808');
  const [saved] = await Promise.all([page.waitForEvent('download'), page.click('[data-test=csv-link]')]);
  assert.equal(saved.suggestedFilename(), 'eyas-query.csv');
  await server.sendMany(7);
  await page.goto(`${server.origin}/ui/sql`);
  await page.fill('[data-test=sql]', 'select category, count(*) as n from eyas.events group by category');
  await page.keyboard.press('Control+Enter');
  await page.waitForSelector('[data-test=answer-row]');
  await page.fill('[data-test=sql]', 'delete from eyas.events');
  await page.keyboard.press('Control+Enter');
  await says(page, 'refused', /"delete" is not allowed/);
  await page.getByText(/^[23] calls, mean [\d.]+ ms, 99 % within [\d.]+ ms · 1 refused$/).waitFor();
  await watched.assertClean();
});

test('administrators see how the database would run it, for what stands in the form', async () => {
  const { page } = watched;
  await server.sendMany(1);
  await page.goto(`${server.origin}/ui/sql/named`);
  // A form that is not filled in is not asked about.
  await page.click('[data-test=tell-plan]');
  await page.fill('[name=name]', 'x');
  await page.click('[data-test=tell-plan]');
  await says(page, 'plan-facts', /^This is how SQLite would run it; nothing has run$/);
  await says(page, 'plan-text', /events/);
  assert.equal(await page.locator('[data-test=answer]').count(), 0);
  // Other values have a plan of their own.
  await page.fill('[name=name]', 'y');
  await page.waitForSelector('[data-test=plan]', { state: 'detached' });
  assert.deepEqual(await page.locator('[data-test=figures]').allTextContents(), ['no call yet', 'no call yet']);
  await page.goto(`${server.origin}/ui/sql`);
  await page.fill('[data-test=sql]', 'select * from eyas.events where seq = 1');
  await page.click('[data-test=plan-sql]');
  await says(page, 'plan-text', /^SEARCH eyas\.events USING INTEGER PRIMARY KEY/);
  await page.fill('[data-test=sql]', "values ('a', 1), ('b', 2)");
  await page.click('[data-test=run-sql]');
  await page.click('[data-test=as-chart]');
  await says(page, 'answer-bars', /^a ?1 ?b ?2$/);
  await page.fill('[data-test=sql]', 'explain select 1');
  await page.click('[data-test=plan-sql]');
  await says(page, 'refused', /Not run\./);
  await tell(page, answers('rates', 1).set('/session', { required: true, signed_in: true, roles: ['read'], actor: 'x', expires_at: null }));
  await page.goto(`${server.origin}/ui/sql/rates`);
  await page.waitForSelector('[data-test=run]');
  assert.equal(await page.locator('[data-test=tell-plan]').count(), 0);
  await watched.assertClean();
});

test('a statement that is being written survives a reload and another screen; one that ran has an address to go back to', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/sql`);
  await page.fill('[data-test=sql]', 'select 1 as a');
  await page.reload();
  await page.waitForFunction(() => /** @type {HTMLTextAreaElement | null} */ (document.querySelector('[data-test=sql]'))?.value === 'select 1 as a');
  await page.focus('[data-test=sql]');
  await page.keyboard.press('Control+Enter');
  await says(page, 'answer-row', '1');
  await page.fill('[data-test=sql]', "select null as none, '' as empty, '=1' as formula, 9007199254740993 as big");
  await page.keyboard.press('Control+Enter');
  await page.waitForFunction(() => document.querySelectorAll('[data-test=answer-row] td').length === 4);
  const [saved] = await Promise.all([page.waitForEvent('download'), page.click('[data-test=save-csv]')]);
  assert.equal(saved.suggestedFilename(), 'eyas-query.csv');
  assert.equal(await readFile(await saved.path(), 'utf8'), "none,empty,formula,big\r\n,,'=1,9007199254740993\r\n");
  await page.goBack();
  await page.waitForFunction(() => /** @type {HTMLTextAreaElement | null} */ (document.querySelector('[data-test=sql]'))?.value === 'select 1 as a');
  await page.fill('[data-test=sql]', 'select 2 -- not run yet');
  await visit(page, '/ui/health');
  await page.waitForSelector('[data-test=health]');
  await visit(page, '/ui/sql');
  await page.waitForSelector('[data-test=sql]');
  assert.equal(await page.inputValue('[data-test=sql]'), 'select 2 -- not run yet');
  // An address that names a statement is what somebody wants to see.
  await visit(page, '/ui/sql?sql=select+3');
  await page.waitForFunction(() => /** @type {HTMLTextAreaElement | null} */ (document.querySelector('[data-test=sql]'))?.value === 'select 3');
  await page.fill('[data-test=sql]', `select '${'x'.repeat(3000)}'`);
  await page.keyboard.press('Control+Enter');
  await page.waitForFunction(() => location.search === '');
  await watched.assertClean();
});

test('what runs too long is stopped by a person, and the keyboard stays where it was', async () => {
  const { page } = watched;
  await tell(page, answers('rates', 1));
  // Never answered; the page gives up.
  for (const path of ['/sql', '/rates']) await page.route((url) => url.pathname === path, () => {});
  await page.goto(`${server.origin}/ui/sql`);
  await page.fill('[data-test=sql]', 'select 1');
  await page.keyboard.press('Control+Enter');
  await says(page, 'run-sql', 'Running…');
  await page.focus('[data-test=stop-sql]');
  await page.keyboard.press('Enter');
  await says(page, 'refused', /✗ Stopped\./);
  await says(page, 'run-sql', 'Run');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-test')), 'sql');
  await visit(page, '/ui/sql/rates?p.day=2016-01-01&run=1');
  await says(page, 'run', 'Running…');
  await page.focus('[data-test=stop]');
  await page.keyboard.press('Enter');
  await says(page, 'run', 'Run');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-test')), 'run');
  assert.equal(await page.locator('[data-test=failed]').count(), 0);
  await watched.assertClean();
});

test('a filter of Events goes on as SQL, and finds the same', async () => {
  const { page } = watched;
  await server.sendMany(3, { category: "it's 50% off" });
  await server.sendMany(2, { category: 'other' });
  await waitFor('all are stored', async () => (await (await fetch(`${server.origin}/status`)).json()).lag.records === 0);
  await page.goto(`${server.origin}/ui/events?${new URLSearchParams({ category: "it's*", q: '50% OFF', valid: 'true', last: '1h' })}`);
  await says(page, 'n-rows', '3 rows');
  await page.click('[data-test=export] summary');
  await page.click('[data-test=as-sql]');
  await page.waitForSelector('[data-test=sql]');
  assert.match(await page.inputValue('[data-test=sql]'), /where received_at_us >= \d{16}\n  and substr\(category, 1, 4\) = 'it''s'/);
  await page.focus('[data-test=sql]');
  await page.keyboard.press('Control+Enter');
  await says(page, 'answer-facts', /^3 rows/);
  await page.goBack();
  await says(page, 'n-rows', '3 rows');
  await watched.assertClean();
});
