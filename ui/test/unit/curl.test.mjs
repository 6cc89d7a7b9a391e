// A copied command is the event: a real shell gives back every byte of it and runs nothing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { curl, getCurl } from '../../lib/curl.js';
import { splitEvent } from '../../lib/raw-json.js';

/** What curl would be given. @param {string} command */
function argumentsOf(command) {
  return execFileSync('/bin/sh', ['-c', `curl() { printf '%s\\0' "$@"; }\n${command}`], { encoding: 'utf8' }).split('\0').slice(0, -1);
}

/** @param {object} fields @param {string} data */
function event(fields, data) {
  const envelope = { id: 'e1', seq: 1, cursor: '0a.1', stream: 'events', application: null, session_id: null, category: 'c', name: 'n', timestamp: null, received_at: '', valid: true, errors: [], ...fields };
  return splitEvent(`${JSON.stringify(envelope).slice(0, -1)},"data":${data}}`);
}

test('the envelope keeps the id, and data keeps its spelling', () => {
  const data = '{"n":12345678901234567890,"one":1.0,"a":1,"a":2,"quote":"it\'s; $(touch /tmp/x) `id` \\u0027"}';
  const command = curl(event({ name: "o'clock $HOME", session_id: 's' }, data), 'http://127.0.0.1:8080');
  assert.deepEqual(argumentsOf(command), [
    '-X', 'POST', 'http://127.0.0.1:8080/events', '-H', 'Content-Type: application/json', '--data-binary',
    `{"id":"e1","session_id":"s","category":"c","name":"o'clock $HOME","data":${data}}`,
  ]);
});

test('an array sent to a stream is one line of NDJSON, because as JSON it would be many events', () => {
  const words = argumentsOf(curl(event({ stream: 'sensors' }, '[1.0,\n 2]'), 'http://h'));
  assert.deepEqual(words.slice(2), ['http://h/streams/sensors', '-H', 'Content-Type: application/x-ndjson', '--data-binary', '[1.0,  2]']);
  assert.equal(argumentsOf(curl(event({ stream: 'sensors' }, '1.0'), 'http://h'))[6], '1.0');
});

test('where tokens are required the command says where one goes, and never which', () => {
  const words = argumentsOf(`TOKEN=t; ${curl(event({}, '1'), 'http://h', true)}`);
  assert.deepEqual(words.slice(0, 7), ['-X', 'POST', 'http://h/events', '-H', 'Authorization: Bearer t', '-H', 'Content-Type: application/json']);
});

test('a question is its address, and a token is a place for one', () => {
  const path = "/events?name=it's+%26+$(x)+`y`+%5C&stream=*";
  assert.deepEqual(argumentsOf(getCurl('http://h:1', path)), [`http://h:1${path}`]);
  assert.deepEqual(argumentsOf(`TOKEN=eyas_x\n${getCurl('http://h', '/events', true)}`), ['-H', 'Authorization: Bearer eyas_x', 'http://h/events']);
});
