// Events are written by anybody. None of this may run, leave the origin, or disguise itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eachTestHasAServerAndAPage, rows, says, server, watched } from './support.mjs';

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

test('hostile text in every field is text, in the list, in the detail and in the filter', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'connection', /live$/);
  for (const [at, text] of CORPUS.entries()) {
    await server.send({
      id: `${at} ${clipped(text, 120)}`,
      category: clipped(text, 256),
      name: clipped(text, 256),
      session_id: clipped(text, 256),
      data: { [text]: text, nested: [text, { [text]: [text] }] },
    });
  }
  await says(page, 'received', String(CORPUS.length));
  assert.equal(await rows(page).count(), CORPUS.length);
  for (const [at, text] of [...CORPUS].reverse().entries()) {
    await page.click(`[data-test=row] >> nth=${at}`);
    await page.waitForFunction((nth) => document.querySelectorAll('[data-test=row]')[nth]?.classList.contains('row-open'), at);
    // As it stands in JSON, with hidden characters as escapes.
    const raw = (await page.locator('[data-test=raw]').textContent()) ?? '';
    const written = JSON.stringify(text).replace(/[\u200B\uFEFF\u2066\u2069\u202B\u202E]/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).toUpperCase()}`);
    assert.ok(raw.includes(written), `${raw} lacks ${written}`);
  }
  await page.click('.fields button:text("Only this") >> nth=1');
  await says(page, 'received', '1');
  await watched.assertClean();

  // The same from the first page of a new list.
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'received', String(CORPUS.length));
  await watched.assertClean();
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
  await says(page, 'received', '1');
  assert.equal(await page.locator('[data-test=row] .cell-name b').textContent(), '\\u202Egnp.exe');
  assert.equal(await page.locator('[data-test=row] .cell-name .esc').textContent(), '\\u202E');
  await watched.assertClean();
});

test('a large event opens cut, and in full when asked', async () => {
  const { page } = watched;
  await page.goto(`${server.origin}/ui/`);
  await says(page, 'connection', /live$/);
  await server.send({ category: 'x', name: 'large', data: 'y'.repeat(200_000) });
  await says(page, 'received', '1');
  await page.click('[data-test=row]');
  await page.waitForFunction(() => document.querySelector('[data-test=raw]')?.textContent?.length === 64 * 1024);
  await page.click('text=Show all 200,002 characters');
  await page.waitForFunction(() => document.querySelector('[data-test=raw]')?.textContent?.length === 200_002);
  await watched.assertClean();
});
