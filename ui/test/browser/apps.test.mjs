// Applications and tokens against the real server: from nothing to a token, without a mouse; and what tokens can do
// afterwards.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chord, eachTestHasAServerAndAPage, says, server, waitFor, watched } from './support.mjs';

eachTestHasAServerAndAPage();

/** Presses Tab until the focus is there. @param {string} selector */
async function tabTo(selector) {
  const { page } = watched;
  for (let n = 0; n < 60; n += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab never comes to ${selector}`);
}

/** Status and code of an answer to an event. @param {string | null} token */
async function post(token) {
  const headers = { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${server.origin}/events`, { method: 'POST', headers, body: '{"category":"c","name":"n"}' });
  return `${answer.status} ${(await answer.json()).code ?? ''}`.trim();
}

/** The token in the box. */
async function secret() {
  const { page } = watched;
  await page.waitForSelector('[data-test=secret]');
  const token = (await page.locator('[data-test=secret] pre').first().textContent()) ?? '';
  assert.match(token, /^eyas_[0-9A-Za-z]{49}$/);
  return token;
}

/** An application with an administrator's token, signed in. */
async function signedIn() {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/apps`);
  await page.click('[data-test=new-app]');
  await page.fill('[name=name]', 'web');
  await page.keyboard.press('Enter');
  await page.click('[data-test=new-token]');
  await page.fill('[name=label]', 'first');
  await page.keyboard.press('Enter');
  const token = await secret();
  await page.click('[data-test=enter]');
  await page.waitForSelector('[data-test=signed-out]', { state: 'detached' });
  await page.click('[data-test=kept]');
  await page.waitForSelector('[data-test=token-list-row]');
  return token;
}

test('from nothing to a signed-in console, by keyboard alone', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'connection', /live$/);
  await chord(page, 'g', 'a');
  await says(page, 'empty', /Create your first application/);
  await tabTo('[data-test=new-app]');
  await page.keyboard.press('Enter');
  await page.keyboard.type('web');
  await page.keyboard.press('Enter');
  await says(page, 'no-tokens', /No token yet/);
  assert.equal(page.url(), `${server.origin}/ui/apps/web`);
  await tabTo('[data-test=new-token]');
  await page.keyboard.press('Enter');
  await says(page, 'first-token', /every request needs one/);
  await page.keyboard.type('laptop');
  await page.keyboard.press('Enter');
  const token = await secret();
  // From this moment on the server asks, this page too; the token is still there to be kept.
  assert.equal(await post(null), '401 token_missing');
  assert.equal(await post(token), '202');
  await says(page, 'signed-out', /You are signed out/);
  await tabTo('[data-test=enter]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-test=signed-out]', { state: 'detached' });
  await tabTo('[data-test=kept]');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('[data-test=secret]').count(), 0);
  await says(page, 'token-list-row', /laptop.*✓ active.*server.*admin/);
  await page.goto(`${server.origin}/ui/apps`);
  await says(page, 'audit', /token/);
  await says(page, 'app-list-row', /web ?✓ active ?1/);
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'connection', /live$/);
  await says(page, 'matched', '1');
  await watched.assertClean();
});

test('a token is rotated, revoked by its label, and an application disabled; each at once', async () => {
  const { page } = watched;
  await signedIn();
  await page.click('[data-test=new-token]');
  await page.fill('[name=label]', 'till <b>7</b>');
  await page.selectOption('[name=expires]', { label: 'in 30 days' });
  await page.click('[data-test=ask] button.primary');
  const old = await secret();
  await page.click('[data-test=kept]');
  assert.equal(await post(old), '202');

  await page.click(`[aria-label="Rotate ${old.slice(0, 9)}"]`);
  await page.fill('[name=hours]', '1');
  await page.click('[data-test=ask] button.primary');
  const next = await secret();
  await page.click('[data-test=kept]');
  assert.deepEqual([await post(old), await post(next)], ['202', '202'], 'both work for an hour');

  await page.click(`[aria-label="Revoke ${old.slice(0, 9)}"]`);
  assert.equal(await page.isDisabled('[data-test=ask] button.primary'), true);
  await page.fill('[name=label]', 'till <b>7</b>');
  await page.click('[data-test=ask] button.primary');
  await page.waitForSelector('[data-test=ask]', { state: 'detached' });
  assert.deepEqual([await post(old), await post(next)], ['401 token_revoked', '202']);
  await waitFor('the list says so', async () => ((await page.locator('[data-test=token-list]').textContent()) ?? '').includes('✗ revoked'));

  // An application of its own, so that this browser stays signed in.
  await page.goto(`${server.origin}/ui/apps`);
  await page.click('[data-test=new-app]');
  await page.fill('[name=name]', 'other');
  await page.fill('[name=events_per_s]', '100');
  await page.fill('[name=burst]', '200');
  await page.fill('[name=origins]', server.origin);
  await page.click('[data-test=ask] button.primary');
  await says(page, 'app-facts', /✓ active.*100\/s, burst 200/);
  await page.click('[data-test=new-token]');
  await page.fill('[name=label]', 'site');
  await page.selectOption('[name=kind]', 'browser');
  await says(page, 'browser-kind', /Everybody who opens your page can read this token/);
  await page.click('[data-test=ask] button.primary');
  const public_ = await secret();
  await page.click('[data-test=kept]');
  assert.match(await post(public_), /^403 wrong_origin|^202/);
  await page.click('[data-test=disable-app]');
  await page.click('[data-test=ask] button.primary');
  await says(page, 'app-facts', /✗ disabled/);
  assert.equal(await post(public_), '401 application_disabled');
  await watched.assertClean();
});

test('what the server refuses is said in the dialog, and nothing that was typed is lost', async () => {
  const { page } = watched;
  await signedIn();
  await page.goto(`${server.origin}/ui/apps`);
  await page.waitForSelector('[data-test=app-list-row]');
  await page.click('[data-test=new-app]');
  await page.fill('[name=name]', 'web');
  await page.click('[data-test=ask] button.primary');
  await says(page, 'ask-fault', /application of this name/);
  assert.equal(await page.inputValue('[name=name]'), 'web');
  await page.fill('[name=name]', 'web2');
  await page.fill('[name=origins]', 'javascript:alert(1)');
  await page.click('[data-test=ask] button.primary');
  await page.waitForSelector('[data-test=ask-fault]');
  await page.keyboard.press('Escape');
  await page.waitForSelector('[data-test=ask]', { state: 'detached' });
  assert.equal(await page.locator('[data-test=app-list-row]').count(), 1);
});

test('a signed-in browser signs out, and a token whose sign-in ended leaves the screen as it was', async () => {
  const { page } = watched;
  const admin = await signedIn();
  const tokens = await (await fetch(`${server.origin}/tokens`, { headers: { authorization: `Bearer ${admin}` } })).json();
  await page.goto(`${server.origin}/ui/apps/web`);
  await page.waitForSelector('[data-test=token-list-row]');
  await fetch(`${server.origin}/tokens/${tokens.tokens[0].id}`, { method: 'DELETE', headers: { authorization: `Bearer ${admin}` } });
  await page.click('[data-test=edit-app]');
  await page.click('[data-test=ask] button.primary');
  await page.waitForSelector('[data-test=ask-fault]');
  await page.keyboard.press('Escape');
  await says(page, 'signed-out', /You are signed out/);
  assert.equal(await page.locator('[data-test=token-list-row]').count(), 1);
  await page.reload();
  await page.waitForSelector('[data-test=sign-in]');
  assert.equal(await page.locator('[data-test=token-list-row]').count(), 0);
});
