// Setting a JSON text in lines changes white space and nothing else.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { faultOf } from '../../lib/json-tree.js';
import { pretty } from '../../lib/pretty.js';

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
