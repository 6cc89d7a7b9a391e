// What is typed, the page's address and the API's query are three spellings of one filter.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fromQuery, parse, termText, toQuery, toText, withTerm } from '../../lib/filter.js';

test('what may be typed', () => {
  /** @type {[string, string][]} */
  const cases = [
    ['', ''],
    ['   ', ''],
    ['name:cta*', 'name=cta*'],
    ['category:"page interaction" name:cta* valid:false', 'category=page+interaction&name=cta*&valid=false'],
    ['app:web session:e2085be5 stream:raw.numbers', 'application=web&session_id=e2085be5&stream=raw.numbers'],
    ['application:web session_id:x', 'application=web&session_id=x'],
    ['NAME:a  name:b', 'name=a&name=b'],
    ['name:a name:a', 'name=a'],
    ['name:"say \\"hi\\" \\\\ there"', `name=${encodeURIComponent('say "hi" \\ there').replaceAll('%20', '+')}`],
    ['name:http://x/?a=b', `name=${encodeURIComponent('http://x/?a=b')}`],
    ['cta', 'q=cta'],
    ['cta click name:x', 'name=x&q=cta+click'],
    ['"page  interaction" "name:x"', 'q=page++interaction+name%3Ax'],
    ['name:検索 category:"مرحبا بك"', new URLSearchParams([['name', '検索'], ['category', 'مرحبا بك']]).toString()],
  ];
  for (const [text, query] of cases) {
    const { terms, problems } = parse(text);
    assert.deepEqual(problems, [], text);
    assert.equal(toQuery(terms).toString(), query, text);
  }
});

test('what cannot be understood is said, and nothing of it is guessed', () => {
  /** @type {[string, RegExp][]} */
  const cases = [
    ['""', /Nothing stands between the quotes/],
    ['x'.repeat(129), /at most 128 characters/],
    ['color:red', /no field “color”/],
    ['__proto__:x', /no field “__proto__”/],
    ['name:', /name: needs a value/],
    ['name:""', /name: needs a value/],
    ['valid:maybe', /true or false/],
    ['name:"open', /not closed/],
  ];
  for (const [text, pattern] of cases) {
    const { terms, problems } = parse(text);
    assert.deepEqual(terms, [], text);
    assert.equal(problems.length, 1, text);
    assert.match(problems[0] ?? '', pattern);
  }
});

test('every filter survives the way through text and through the address', () => {
  const values = ['a', 'a b', '"', '\\', '\\"', 'a:b', '*', 'x*', ' ', '\u202e', '&=+%', '🦅', '日本', "it's", 'name:y'];
  for (const value of values) {
    for (const field of ['stream', 'application', 'category', 'name', 'session_id', 'q']) {
      const terms = [{ field: 'valid', value: 'true' }, { field, value }];
      assert.deepEqual(parse(toText(terms)), { terms, problems: [] });
      assert.deepEqual(fromQuery(toQuery(terms).toString()), terms);
    }
  }
});

test('an address with strange members gives a filter without them', () => {
  assert.deepEqual(fromQuery('?utm_source=x&name=a&valid=2&name=&event=1&q=1&q=2&session=s'), [
    { field: 'name', value: 'a' },
    { field: 'q', value: '1' },
    { field: 'session_id', value: 's' },
  ]);
});

test('a second validity or search replaces the first, a second name is added', () => {
  const terms = parse('name:a valid:true').terms;
  assert.deepEqual(withTerm(terms, { field: 'valid', value: 'false' }).map(termText), ['name:a', 'valid:false']);
  assert.deepEqual(withTerm(terms, { field: 'name', value: 'b' }).map(termText), ['name:a', 'valid:true', 'name:b']);
  assert.equal(withTerm(terms, { field: 'name', value: 'a' }), terms);
  assert.deepEqual(withTerm(parse('one').terms, { field: 'q', value: 'two' }).map(termText), ['two']);
});
