// Whatever hides or turns text is seen; everything else stays as it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cut, plain, segments } from '../../lib/escape.js';

test('hidden characters become visible escapes', () => {
  /** @type {[string, string][]} */
  const cases = [
    ['\u0000', '\\u0000'], ['\t', '\\u0009'], ['\u001b[31m', '\\u001B[31m'], ['\u007f', '\\u007F'], ['\u0085', '\\u0085'],
    ['\u00ad', '\\u00AD'], ['\u061c', '\\u061C'], ['\u200b', '\\u200B'], ['\u200d', '\\u200D'], ['\u200e', '\\u200E'],
    ['\u202e', '\\u202E'], ['\u2028', '\\u2028'], ['\u2060', '\\u2060'], ['\u2066', '\\u2066'], ['\u2069', '\\u2069'],
    ['\u3164', '\\u3164'], ['\ufeff', '\\uFEFF'], ['\ufffb', '\\uFFFB'], ['\u{e0041}', '\\u{E0041}'],
    ['\ud800', '\\uD800'], ['a\udc00b', 'a\\uDC00b'],
  ];
  for (const [text, shown] of cases) assert.equal(plain(text), shown);
});

test('text of all scripts and emoji stays', () => {
  for (const text of ['', 'plain', 'søk', '検索', 'مرحبا', 'שלום', '🦅', '❤️', 'e\u0301', '<img src=x>', '&amp;', '\\u202E']) {
    assert.equal(plain(text), text);
    assert.deepEqual(segments(text), text === '' ? [] : [{ text, escaped: false }]);
  }
});

test('escapes are told apart from text that looks like them', () => {
  assert.deepEqual(segments('a\u202eb\\u202E'), [
    { text: 'a', escaped: false },
    { text: '\\u202E', escaped: true },
    { text: 'b\\u202E', escaped: false },
  ]);
});

test('white space between tokens passes where layout is wanted', () => {
  assert.deepEqual(segments('{\n\t"a"\r}', { layout: true }), [{ text: '{\n\t"a"\r}', escaped: false }]);
  assert.equal(segments('\u0000\n', { layout: true })[0]?.text, '\\u0000');
});

test('a cut never makes a lone surrogate', () => {
  assert.equal(cut('ab🦅cd', 3), 'ab');
  assert.equal(cut('ab🦅cd', 4), 'ab🦅');
  assert.equal(cut('ab', 5), 'ab');
});
