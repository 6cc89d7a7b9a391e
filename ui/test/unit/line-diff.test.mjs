// A difference says how to get from one text to the other, and no more than that.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lineDiff } from '../../lib/line-diff.js';

/** @param {string} from @param {string} to */
const signs = (from, to) => lineDiff(from, to)?.map(({ sign, text }) => sign + text);

test('equal lines stay, others go and come', () => {
  assert.deepEqual(signs('a\nb\nc', 'a\nx\nc'), [' a', '-b', '+x', ' c']);
  assert.deepEqual(signs('a', 'a'), [' a']);
  assert.deepEqual(signs('', 'a'), ['-', '+a']);
  assert.deepEqual(signs('a\nb', 'b\na'), ['-a', ' b', '+a']);
});

test('without what goes it is the one text, without what comes the other', () => {
  for (let seed = 1; seed < 200; seed += 1) {
    let state = seed;
    const random = () => (state = (state * 48271) % 2147483647) % 4;
    const [from, to] = [0, 1].map(() => Array.from({ length: random() + random() + 1 }, () => `line ${random()}`).join('\n'));
    const lines = lineDiff(String(from), String(to)) ?? [];
    const without = (/** @type {string} */ gone) => lines.filter(({ sign }) => sign !== gone).map(({ text }) => text).join('\n');
    assert.equal(without('+'), from, `seed ${seed}`);
    assert.equal(without('-'), to, `seed ${seed}`);
  }
});

test('texts that are too long are not compared', () => {
  assert.equal(lineDiff('a\n'.repeat(3000), 'b\n'.repeat(3000)), null);
});
