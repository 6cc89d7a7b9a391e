// The API's pages: Swagger UI from the binary, offline, with every operation of /openapi.json.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, Server, watchedPage } from './support.mjs';

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

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

test('every operation is on the page, and nothing is asked of anybody else', async () => {
  const description = await (await fetch(`${server.origin}/openapi.json`)).json();
  const operations = Object.values(description.paths).flatMap((path) => Object.keys(path).filter((key) => METHODS.has(key)));
  assert.ok(operations.length > 0);
  const { page, assertClean } = await watchedPage(browser, server);
  await page.goto(`${server.origin}/docs`);
  await page.waitForFunction((n) => document.querySelectorAll('.opblock').length === n, operations.length);
  await page.locator('.opblock >> nth=0').click();
  await assertClean();
});

test('the console leads to the API and back', async () => {
  const { page, assertClean } = await watchedPage(browser, server);
  await page.goto(`${server.origin}/ui/`);
  await page.click('nav >> text=API');
  await page.waitForSelector('.opblock');
  await page.click('text=Eyas, Live');
  await page.waitForSelector('[data-test=connection]');
  await assertClean();
});

test('a deep link is served the console, assets for ever, the page itself never', async () => {
  const page = await fetch(`${server.origin}/ui/anything/deep`);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('cache-control') ?? '', /no-cache/);
  const text = await page.text();
  assert.doesNotMatch(text, /__BUILD__/);
  const script = /src="(\/ui\/a\/[^/"]+\/main\.js)"/.exec(text)?.[1] ?? '';
  const asset = await fetch(server.origin + script);
  assert.equal(asset.status, 200);
  assert.match(asset.headers.get('cache-control') ?? '', /immutable/);
  assert.match(asset.headers.get('content-type') ?? '', /javascript/);
});
