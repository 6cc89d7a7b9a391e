// Promises about the files themselves: small enough, nothing inline, nothing from elsewhere, and the
// vendored ones are what npm gives.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import { transform } from 'esbuild';

const ui = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['', 'apps', 'batches', 'dead', 'event', 'explore', 'frame', 'health', 'jobs', 'lib', 'live', 'schemas', 'session', 'sql', 'style'];
/** What a person waits for: Live, the frame, all styles (docs/adr/0011). */
const FIRST_BYTES_MAX = 100_000;
/** All screens together. */
const ALL_BYTES_MAX = 160_000;

/** Every file of the console that a browser may ask for, `/docs` apart. */
async function served() {
  const names = ['vendor/preact.js'];
  for (const folder of FOLDERS) {
    for (const entry of await readdir(join(ui, folder), { withFileTypes: true })) {
      if (entry.isFile() && /\.(js|css|html|svg)$/.test(entry.name)) names.push(join(folder, entry.name));
    }
  }
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(ui, name), 'utf8') })));
}

/** As the server sends it (crates/gateway/src/assets.rs): lines that are nothing but a comment are empty. @param {{ name: string, text: string }} file */
function sent({ name, text }) {
  const isOurs = name.endsWith('.js') && !name.startsWith('vendor/');
  return isOurs ? text.replace(/^[ \t]*(\/\/|\/\*|\*\/|\* |\*$).*$/gm, '') : text;
}

test('what the server takes out of a script is comments and nothing else', async () => {
  for (const file of await served()) {
    if (!file.name.endsWith('.js')) continue;
    const [whole, left] = await Promise.all([file.text, sent(file)].map((text) => transform(text, { legalComments: 'none', minifyWhitespace: true })));
    assert.equal(left?.code, whole?.code, file.name);
    assert.equal(sent(file).split('\n').length, file.text.split('\n').length, file.name);
  }
});

/** What the browser fetches before it shows Live: the page, its styles, and whatever main.js imports by name. @param {{ name: string, text: string }[]} files */
function fetchedFirst(files) {
  const texts = new Map(files.map(({ name, text }) => [name, text]));
  const wanted = new Set([...texts.keys()].filter((name) => !name.endsWith('.js')));
  const queue = ['main.js', 'theme-early.js'];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (wanted.has(name)) continue;
    wanted.add(name);
    const imports = texts.get(name)?.matchAll(/^(?:import|export)\s[^;]*?from '(\.[^']+)';/gm) ?? [];
    for (const [, path = ''] of imports) queue.push(join(name, '..', path));
  }
  return files.filter(({ name }) => wanted.has(name));
}

/** @param {{ name: string, text: string }[]} files */
function weight(files) {
  return files.reduce((sum, file) => sum + gzipSync(sent(file), { level: 9 }).length, 0);
}

test('the console opens with at most 100 kB gzip, and all of it is bounded', async () => {
  const files = await served();
  const first = fetchedFirst(files);
  assert.ok(first.length > 20 && first.length < files.length, `${first.length} of ${files.length} files`);
  assert.ok(first.some(({ name }) => name === 'live/screen.js') && !first.some(({ name }) => name === 'apps/screen.js'));
  assert.ok(weight(first) < FIRST_BYTES_MAX, `${weight(first)} bytes`);
  assert.ok(weight(files) < ALL_BYTES_MAX, `${weight(files)} bytes`);
});

test('no markup from text, nothing inline, no address of anybody else', async () => {
  for (const { name, text } of await served()) {
    if (name.startsWith('vendor/')) continue;
    const code = text.replaceAll('http://www.w3.org/2000/svg', '').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    assert.doesNotMatch(code, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
    assert.doesNotMatch(code, /https?:\/\/|@import|\burl\(/, name);
    if (name.endsWith('.html')) assert.doesNotMatch(code, /<style|\sstyle=|\son[a-z]+=|<script(?![^>]*src=)/, name);
  }
});

test('every module and script begins by saying what it is', async () => {
  for (const { name, text } of await served()) {
    if (name.startsWith('vendor/') || name.endsWith('.svg') || name.endsWith('.html')) continue;
    assert.match(text, /^(\/\/ |\/\* )[A-Z“"]/, name);
    assert.ok(text.split('\n').length <= 500, `${name} is too long`);
  }
});

test('vendored files are what npm gives', async () => {
  await promisify(execFile)(process.execPath, [join(ui, 'vendor/regenerate.mjs'), '--check']);
});
