// A drafted schema claims no more than its examples show.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { infer } from '../../lib/infer.js';

test('members that are always there are required, others are not', () => {
  assert.deepEqual(infer([{ a: 1, b: 'x' }, { a: 2 }]), {
    type: 'object', required: ['a'], properties: { a: { type: 'integer' }, b: { type: 'string' } },
  });
  assert.deepEqual(infer([{ a: 1 }, {}]), { type: 'object', properties: { a: { type: 'integer' } } });
  assert.deepEqual(infer([]), {});
});

test('types are those that were seen', () => {
  assert.deepEqual(infer([1, 2.5]), { type: 'number' });
  assert.deepEqual(infer([null, 'x']), { type: ['null', 'string'] });
  assert.deepEqual(infer([[1, 'a'], []]), { type: 'array', items: { type: ['integer', 'string'] } });
  assert.deepEqual(infer([[]]), { type: 'array' });
  assert.deepEqual(infer([{ a: { b: true } }]).properties, { a: { type: 'object', required: ['b'], properties: { b: { type: 'boolean' } } } });
});

test('few words that come again and again are all that there are; many are not', () => {
  const words = Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? 'buy button' : 'chat bubble'));
  assert.deepEqual(infer(words), { enum: ['buy button', 'chat bubble'] });
  assert.deepEqual(infer(words.slice(0, 10)), { type: 'string' }, 'too few examples');
  assert.deepEqual(infer(words.map((_, at) => `name ${at}`)), { type: 'string' });
  assert.deepEqual(infer(words.map(() => 'x'.repeat(100))), { type: 'string' }, 'long texts are no words');
  assert.deepEqual(infer([...words, null]), { type: ['null', 'string'] });
});

test('hostile names are names, and depth and width have a bound', () => {
  const drafted = /** @type {any} */ (infer([JSON.parse('{"__proto__":1,"constructor":"x"}')]));
  assert.deepEqual(Object.keys(drafted.properties), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(drafted.properties), Object.prototype);
  assert.equal(Object.keys(/** @type {any} */ (infer([Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`m${at}`, at]))])).properties).length, 100);
  /** @type {unknown} */
  let deep = 1;
  for (let at = 0; at < 100; at += 1) deep = { deep };
  assert.ok(JSON.stringify(infer([deep])).length < 2000);
});
