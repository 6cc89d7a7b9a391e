// The real eyas binary on a port of its own, a real Chromium, and a page that is watched: each script
// error, each broken content policy and each request that leaves the origin is a failure of the test.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const UI = fileURLToPath(new URL('../..', import.meta.url));
export const BIN = process.env.EYAS_BIN ?? resolve(UI, '../target/debug/eyas');
/** What has not come by then never will: no test fails because a machine is busy. */
const HANG_MS = 60_000;

/** A server that can be killed and started again on the same port and directory. */
export class Server {
  /** @param {number} port @param {string} dir */
  constructor(port, dir) {
    this.port = port;
    this.dir = dir;
    this.origin = `http://127.0.0.1:${port}`;
    /** Where its configuration is, if it has one. @type {string | null} */
    this.config = null;
    /** @type {import('node:child_process').ChildProcess | null} */
    this.process = null;
    this.output = '';
  }

  /** @param {{ [path: string]: string }} [files] its configuration: `eyas.toml`, and what that names */
  static async start(files) {
    await access(BIN).catch(() => assert.fail(`no binary at ${BIN}: build it first, or set EYAS_BIN`));
    const server = new Server(await freePort(), await mkdtemp(join(tmpdir(), 'eyas-ui-')));
    if (files !== undefined) {
      server.config = await mkdtemp(join(tmpdir(), 'eyas-ui-config-'));
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(server.config, path)), { recursive: true });
        await writeFile(join(server.config, path), text);
      }
    }
    await server.start();
    return server;
  }

  async start() {
    const child = spawn(BIN, ['serve'], {
      env: { ...process.env, EYAS_LISTEN: `127.0.0.1:${this.port}`, EYAS_DATA_DIR: this.dir, ...(this.config !== null && { EYAS_CONFIG: join(this.config, 'eyas.toml') }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (this.output += chunk));
    await waitFor('the server is ready', async () => {
      assert.equal(child.exitCode, null, `eyas ended: ${this.output}`);
      return fetch(`${this.origin}/readyz`).then((answer) => answer.ok, () => false);
    });
  }

  /**
   * `kill -9`, or another signal.
   * @param {NodeJS.Signals} [signal]
   */
  async kill(signal = 'SIGKILL') {
    const child = this.process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Begins with an empty data directory. */
  async wipe() {
    await rm(this.dir, { recursive: true, force: true });
  }

  async stop() {
    await this.kill();
    await this.wipe();
    if (this.config !== null) await rm(this.config, { recursive: true, force: true });
  }

  /**
   * Posts text as it is and wants a 202.
   * @param {string} path
   * @param {string} body
   * @param {string} [type]
   */
  async post(path, body, type = 'application/json') {
    const answer = await fetch(this.origin + path, { method: 'POST', headers: { 'content-type': type }, body });
    assert.equal(answer.status, 202, `${await answer.clone().text()} for ${body.slice(0, 200)}`);
    return answer.json();
  }

  /** @param {object} event */
  send(event) {
    return this.post('/events', JSON.stringify(event));
  }

  /**
   * Many numbered events in one request.
   * @param {number} n
   * @param {object} [more]
   */
  sendMany(n, more = {}) {
    const lines = Array.from({ length: n }, (_, at) => JSON.stringify({ category: 'load', name: `event ${at}`, data: { at }, ...more }));
    return this.post('/events', lines.join('\n'), 'application/x-ndjson');
  }
}

/**
 * A port below those that the system gives to whoever connects: while a server is down, nobody else takes it.
 * @returns {Promise<number>}
 */
async function freePort() {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(() => true, () => false);
    if (!isFree) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

/**
 * Asks again until the answer is yes.
 * @param {string} what
 * @param {() => Promise<boolean>} isSo
 */
export async function waitFor(what, isSo) {
  const deadline = Date.now() + HANG_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, `not within ${HANG_MS} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/**
 * A page in a context of its own that is watched.
 * @param {import('playwright-core').Browser} browser
 * @param {Server} server
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function watchedPage(browser, server, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(HANG_MS);
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(`script error: ${error}`));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('console', (message) => {
    if (/content security policy|trusted/i.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${server.origin}/`) && !url.startsWith('data:')) faults.push(`request to ${url}`);
  });
  page.on('websocket', (socket) => {
    if (!socket.url().startsWith(`${server.origin.replace('http', 'ws')}/`)) faults.push(`socket to ${socket.url()}`);
  });
  await page.addInitScript(() => {
    /** @type {any} */ (window).__violations = [];
    document.addEventListener('securitypolicyviolation', (event) => {
      /** @type {any} */ (window).__violations.push(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const assertClean = async () => {
    const seen = await page.evaluate(() => ({
      violations: /** @type {any} */ (window).__violations,
      pwn: typeof (/** @type {any} */ (window).__pwn),
    }));
    assert.deepEqual({ faults, ...seen }, { faults: [], violations: [], pwn: 'undefined' });
  };
  return { page, context, assertClean };
}

/**
 * Waits until an element of the page says something.
 * @param {import('playwright-core').Page} page
 * @param {string} test value of `data-test`
 * @param {string | RegExp} text
 */
export async function says(page, test, text) {
  const pattern = typeof text === 'string' ? `^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*$` : text.source;
  await page
    .waitForFunction(
      ([name, source]) => {
        const found = document.querySelector(`[data-test="${name}"]`);
        return found !== null && new RegExp(source ?? '').test((found.textContent ?? '').replace(/\s+/g, ' '));
      },
      [test, pattern],
    )
    .catch(async () => {
      const found = await page.locator(`[data-test="${test}"]`).allTextContents();
      assert.fail(`${test} says ${JSON.stringify(found)}, not ${pattern}`);
    });
}

/** @type {string | undefined} */
let axeSource;

/**
 * What axe-core finds against WCAG 2.2 AA on the page as it is. It is put in by the debugger, because
 * the page's policy lets no script in.
 * @param {import('playwright-core').Page} page
 */
export async function accessibilityFaults(page) {
  axeSource ??= await readFile(join(UI, 'node_modules/axe-core/axe.min.js'), 'utf8');
  const debuggerOfPage = await page.context().newCDPSession(page);
  const { result: has } = await debuggerOfPage.send('Runtime.evaluate', { expression: 'typeof axe' });
  if (has.value === 'undefined') await debuggerOfPage.send('Runtime.evaluate', { expression: axeSource });
  const run = `axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }).then(({ violations }) => JSON.stringify(
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => [id, String(target), failureSummary]))))`;
  const answer = await debuggerOfPage.send('Runtime.evaluate', { expression: run, awaitPromise: true });
  await debuggerOfPage.detach();
  assert.equal(answer.exceptionDetails, undefined, JSON.stringify(answer.exceptionDetails));
  return JSON.parse(answer.result.value);
}

/** @param {import('playwright-core').Page} page */
export function rows(page) {
  return page.locator('[data-test=row]');
}

/** The server of the running test. @type {Server} */
export let server;
/** The page of the running test. @type {Awaited<ReturnType<typeof watchedPage>>} */
export let watched;

/** Gives each test of a file a server and a page of its own, in one browser. @param {{ [path: string]: string }} [files] */
export function eachTestHasAServerAndAPage(files) {
  /** @type {import('playwright-core').Browser} */
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());
  beforeEach(async () => {
    server = await Server.start(files);
    watched = await watchedPage(browser, server);
  });
  afterEach(async () => {
    await watched?.context.close();
    await server?.stop();
  });
}

/**
 * Goes where a link would lead: inside the page that is there, without loading it again, which takes ten times as long where
 * answers are told in place of the server's: browsers keep no file then.
 * @param {import('playwright-core').Page} page
 * @param {string} href
 */
export async function visit(page, href) {
  await page.evaluate((to) => {
    const link = document.createElement('a');
    link.href = to;
    document.body.append(link);
    link.click();
    link.remove();
  }, href);
}

/** A longer wait than any between two drawings, and not longer than any before something is asked again. */
const LATER_MS = 500;

/**
 * Pages that are loaded from now on do nothing later by themselves: they neither poll nor try again. So whatever is mended
 * was mended by a person.
 * @param {import('playwright-core').Page} page
 */
export function holdLater(page) {
  return page.addInitScript((laterMs) => {
    const real = setTimeout;
    /** @type {any} */ (window).setTimeout = (/** @type {() => void} */ act, ms = 0) => (ms < laterMs ? real(act, ms) : 0);
    // Nothing is taken off a wait by chance.
    Math.random = () => 0;
  }, LATER_MS);
}

/** Presses keys one behind the other, without waiting for what the page makes of each. @param {import('playwright-core').Page} page @param {string[]} keys */
export async function chord(page, ...keys) {
  await Promise.all(keys.map((key) => page.keyboard.press(key)));
}
