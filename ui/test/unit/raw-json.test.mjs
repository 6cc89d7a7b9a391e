// Values are cut out of the text by their place and never pass through a number or an object.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dataText, elements, eventText, members, skipValue, splitEvent, splitFrame, splitPage } from '../../lib/raw-json.js';

/** Texts that JSON.parse would change or that try to look like something else. */
const EXACT = [
  '12345678901234567890',
  '1.0',
  '-0',
  '-0.0',
  '1E400',
  '1e-400',
  'null',
  'true',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"a\\\\"',
  '"}]\\"{["',
  '"\\\\\\""',
  '{}',
  '[]',
  '{"b":1,"a":2,"b":3}',
  '{"__proto__":{"x":1},"constructor":null}',
  '{"data":{"data":1},"id":"not mine"}',
  '[ 1 , 2.50 , [ ] , { "a" : "," } ]',
  '"\u2028\u2029🦅"',
  `${'['.repeat(5000)}${']'.repeat(5000)}`,
];

/** @param {string} data @param {object} [more] */
function event(data, more = {}) {
  const envelope = {
    id: 'e1', seq: 7, cursor: '0a1b2c3d.7', stream: 'events', application: null, session_id: null,
    category: 'c', name: 'n', timestamp: null, received_at: '2026-11-01T08:00:00.000001Z', valid: true, errors: [], ...more,
  };
  return `${JSON.stringify(envelope).slice(0, -1)},"data":${data}}`;
}

test('data is shown as written', () => {
  for (const data of EXACT) {
    const split = splitEvent(`{"type":"event",${event(data).slice(1)}`);
    assert.equal(dataText(split), data);
    assert.equal(eventText(split), event(data));
    assert.equal(split.envelope.id, 'e1');
    assert.equal(split.envelope.seq, 7);
    assert.equal('data' in split.envelope, false);
  }
});

test('a label that looks like a member changes nothing', () => {
  const hostile = '","data":{"x":1},"y":"';
  const split = splitEvent(event('1.0', { category: hostile, errors: [{ pointer: '/data', rule: '"data":', message: '\\' }] }));
  assert.equal(split.envelope.category, hostile);
  assert.equal(dataText(split), '1.0');
});

test('a page is cut into its events', () => {
  const page = splitPage(`{"events":[${EXACT.map((data) => event(data)).join(',')}],"next":"0a1b2c3d.7"}`);
  assert.deepEqual(page.events.map((each) => dataText(each)), EXACT);
  assert.equal(page.next, '0a1b2c3d.7');
  assert.deepEqual(splitPage(' { "events" : [ ] , "next" : null } '), { events: [], next: null });
  assert.deepEqual(splitPage('{"next":null,"events":[]}'), { events: [], next: null });
});

test('a preview is the beginning of the text', () => {
  const split = splitEvent(event(`"${'x'.repeat(1000)}"`));
  assert.equal(dataText(split, 5), '"xxxx');
});

test('members and elements stand where they stand', () => {
  const text = ' { "a" : [1,2] , "b\\"" : "}" } ';
  assert.deepEqual([...members(text)].map(({ key, from }) => [key, text.slice(from, skipValue(text, from))]), [
    ['a', '[1,2]'],
    ['b\\"', '"}"'],
  ]);
  assert.deepEqual(elements('[1, "a,]" ,{"x":[]}]', 0), ['1', '"a,]"', '{"x":[]}']);
});

test('where a list has previews, the preview stands in place of the data', () => {
  const [event] = splitPage('{"events":[{"id":"a","name":"x","preview":"{\\"n\\":1.0,\\"t\\":\\"…","data_bytes":84000}],"next":null}').events;
  assert.ok(event);
  assert.equal(event.envelope.id, 'a');
  assert.equal(dataText(event), '{"n":1.0,"t":"…');
  assert.equal(dataText(event, 4), '{"n"');
  assert.throws(() => splitEvent('{"id":"a"}'), SyntaxError);
});

test('what is cut off or no JSON throws and never hangs', () => {
  const whole = event('{"a":[1,"x"]}');
  for (let length = 0; length < whole.length; length += 1) {
    assert.throws(() => splitPage(`{"events":[${whole.slice(0, length)}`), SyntaxError);
  }
  for (const text of ['', '[]', '{', '{"a"', '{"a":}', '{"a":1,}', '{a:1}', '{"x":1}', '<html>']) {
    assert.throws(() => splitEvent(text), SyntaxError, text);
  }
});

test('a frame is its counts and its events, data as written', () => {
  for (const data of EXACT) {
    const text = `{"type":"events","first":"0a1b2c3d.7","last":"0a1b2c3d.9","matched":40,"sent":2,"items":[${event(data)},${event(data)}]}`;
    const { events, ...counts } = splitFrame(text);
    assert.deepEqual(counts, { first: '0a1b2c3d.7', last: '0a1b2c3d.9', matched: 40, sent: 2 });
    assert.deepEqual(events.map((each) => dataText(each)), [data, data]);
  }
  assert.deepEqual(splitFrame('{"type":"events","first":"a.1","last":"a.2","matched":9,"sent":0,"items":[]}').events, []);
  assert.throws(() => splitFrame('{"type":"events","first":"a.1"}'));
});
