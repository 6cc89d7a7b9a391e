// Schemas against the real server: draft, test, put in force, see it judge, go back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, says, server, waitFor, watched } from './support.mjs';

eachTestHasAServerAndAPage();

/** @param {string} element */
const click = (element) => server.send({ category: 'page interaction', name: 'cta click', data: { element, n: 1 } });

/** The verdict about an event that was sent, once it is stored. @param {{ id: string }} answer */
async function verdict({ id }) {
  /** @type {{ state: string, valid: boolean }} */
  let event = { state: 'queued', valid: true };
  await waitFor('the event is stored', async () => {
    event = await (await fetch(`${server.origin}/events/${id}`)).json();
    return event.state !== 'queued';
  });
  return event.valid;
}

test('from the example to a schema that judges, and back to the version before', async () => {
  const { page } = watched;
  await click('chat bubble');
  assert.equal(await verdict(await click('banner')), true);
  await page.goto(`${server.origin}/ui/schemas`);
  await says(page, 'empty', /Every event is valid/);
  await page.click('[data-test=example]');
  await page.waitForFunction(() => /** @type {any} */ (document.querySelector('[data-test=editor]'))?.value.includes('buy button'));
  await page.click('[data-test=test]');
  await says(page, 'tested', /Of 2 events ✓ 1 would be valid and ✗ 1 invalid. 1 of them are valid now/);
  await says(page, 'test-groups-row', /\/data\/element.*enum/);
  await page.click('[data-test=save]');
  await page.click('[data-test=ask] button.primary');
  await says(page, 'versions-row', /1 ?✓ in force/);
  assert.equal(await verdict(await click('banner')), false);

  await page.fill('[data-test=editor]', '{"type":"object","properties":{"n":{"maximum":12345678901234567890}}}');
  await page.click('[data-test=save]');
  await page.selectOption('[name=mode]', 'reject');
  await page.click('[data-test=ask] button.primary');
  await says(page, 'versions-row', /2 ?✓ in force/);
  await page.click('[aria-label="Compare with version 1"]');
  await says(page, 'diff', /- .*"element".*\+ .*12345678901234567890/);
  await page.click('[aria-label="Put version 1 in force"]');
  await page.click('[data-test=ask] button.primary');
  await page.waitForFunction(() => /1\s*✓ in force/.test(document.querySelectorAll('[data-test=versions-row]')[1]?.textContent ?? ''));
  const refused = await fetch(`${server.origin}/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"category":"page interaction","name":"cta click","data":{"element":"banner"}}' });
  assert.equal(refused.status, 422);

  await page.click('[data-test=turn-off]');
  await page.click('[data-test=ask] button.primary');
  await page.waitForSelector('[data-test=turn-off]', { state: 'detached' });
  assert.equal(await verdict(await click('banner')), true);
  await page.goto(`${server.origin}/ui/schemas`);
  await says(page, 'schema-list-row', /cta click ?○ off/);
  await watched.assertClean();
});

test('a draft of what was seen judges all of it valid', async () => {
  const { page } = watched;
  // What comes without a schema is counted once there is any.
  const body = '{"stream":"events","category":"x","mode":"keep","schema":{"type":"object"}}';
  assert.equal((await fetch(`${server.origin}/schemas`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body })).status, 200);
  let last = { id: '' };
  for (let at = 0; at < 25; at += 1) last = await server.send({ category: 'form', name: 'submit', data: { step: at % 2 === 0 ? 'one' : 'two', at, ...(at > 3 && { note: `n${at}` }) } });
  await verdict(last);
  await page.goto(`${server.origin}/ui/schemas`);
  await says(page, 'unmatched-row', /form \/ submit ?25/);
  await page.click('[data-test=unmatched-row] a');
  await page.waitForFunction(() => /** @type {any} */ (document.querySelector('[data-test=editor]'))?.value.includes('"enum"'));
  assert.deepEqual(JSON.parse(await page.inputValue('[data-test=editor]')), {
    type: 'object', required: ['step', 'at'], properties: { note: { type: 'string' }, step: { enum: ['one', 'two'] }, at: { type: 'integer' } },
  });
  await page.click('[data-test=test]');
  await says(page, 'tested', /Of 25 events ✓ 25 would be valid and ✗ 0 invalid/);
});

test('a schema that cannot be used is refused with the reason, and the text stays', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/schemas`);
  await page.click('[data-test=new-schema]');
  await page.fill('[name=category]', 'a <b>');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-test=editor]');
  await page.fill('[data-test=editor]', '{"$ref":"https://evil.example/x.json"}');
  await page.click('[data-test=save]');
  await page.click('[data-test=ask] button.primary');
  await says(page, 'ask-fault', /The schema cannot be used/);
  await page.keyboard.press('Escape');
  assert.equal(await page.inputValue('[data-test=editor]'), '{"$ref":"https://evil.example/x.json"}');
  await watched.assertClean();
});

test('what is stored is judged again when a person asks, from the schema and from the invalid events', async () => {
  const { page } = watched;
  const put = (/** @type {number} */ maximum) => fetch(`${server.origin}/schemas`, { method: 'PUT', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ category: 'page interaction', name: 'cta click', mode: 'keep', schema: { properties: { n: { maximum } } } }) });
  await put(0);
  assert.equal(await verdict(await click('one')), false);
  assert.equal(await verdict(await click('two')), false);
  await put(1);
  await page.goto(`${server.origin}/ui/schemas`);
  await page.click('[data-test=schema-list-row] a');
  await page.click('[data-test=revalidate]');
  await says(page, 'preview', /^2 invalid events with stream events, category page interaction, name cta click\.$/);
  await page.click('[data-test=ask] button.primary');
  await page.waitForSelector('[data-test=job][data-state=done]');
  await says(page, 'job-counts', /✓ 2 changed · ✗ 0 failed · 0 unchanged/);
  const invalid = async () => (await (await fetch(`${server.origin}/events/count?valid=false`)).json()).count;
  assert.equal(await invalid(), 0);

  await put(0);
  assert.equal(await verdict(await click('three')), false);
  await page.click('[data-test=revalidate]');
  await page.click('[data-test=revalidate-all]');
  await says(page, 'preview', /^3 events with/);
  await page.keyboard.press('Escape');
  await page.goto(`${server.origin}/ui/events?tab=invalid`);
  await waitFor('the third event is stored', async () => (await invalid()) === 1);
  await page.click('[data-test=revalidate]');
  await says(page, 'preview', /^1 invalid event/);
  await page.click('[data-test=revalidate-all]');
  await says(page, 'preview', /^3 events/);
  await page.click('[data-test=ask] button.primary');
  await page.waitForSelector('[data-test=job][data-state=done]');
  await says(page, 'job-counts', /✓ 2 changed · ✗ 0 failed · 1 unchanged/);
  assert.equal(await invalid(), 3);
  await says(page, 'groups-row', /maximum.*3/);
  await watched.assertClean();
});
