// Drafts of schemas claim no more than their examples show; setting a text in lines changes white space and nothing
// else; a difference says how to get from one text to the other.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { faultOf } from '../../lib/json-tree.js';
import { infer, lineDiff, pretty } from '../../lib/schema-text.js';

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

test('numbers, order, duplicates and spelling stay', () => {
  const text = '{"n":12345678901234567890,"f":1.0,"n":1E400,"\\u0061":"\\u0062, [ ]","__proto__":{}}';
  assert.equal(pretty(text).replace(/\s(?=(?:[^"]*"[^"]*")*[^"]*$)/g, ''), text);
  assert.equal(pretty(text), '{\n  "n": 12345678901234567890,\n  "f": 1.0,\n  "n": 1E400,\n  "\\u0061": "\\u0062, [ ]",\n  "__proto__": {}\n}');
});

test('what is short stands in one line, what is long in many', () => {
  assert.equal(pretty('{"enum":["a","b"],"type":"string"}'), '{\n  "enum": ["a", "b"],\n  "type": "string"\n}');
  assert.equal(pretty(' [ ] '), '[]');
  assert.equal(pretty('"x"'), '"x"');
  assert.equal(pretty('{"a":{"b":{"c":1}}}'), '{\n  "a": { "b": { "c": 1 } }\n}');
  assert.match(pretty(JSON.stringify({ enum: Array.from({ length: 40 }, (_, at) => `word ${at}`) })), /\n {4}"word 39"\n {2}\]\n}$/);
});

test('what it writes it reads again, and leaves as it is', () => {
  for (const value of [{ a: [1, { b: [] }], c: 'x'.repeat(200) }, [[[[]]]], [{ d: null }], 'é\u202E', { 'k"': '\\' }]) {
    const once = pretty(JSON.stringify(value));
    assert.equal(faultOf(once), null);
    assert.deepEqual(JSON.parse(once), value);
    assert.equal(pretty(once), once);
  }
});

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
