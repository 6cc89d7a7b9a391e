// A question of the Events screen as SQL: every filter in it, to the microsecond, and no text of anybody outside its quotes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eventsSql } from '../../lib/events-sql.js';

/** @param {[string, string][]} terms @param {{ from?: string | null, to?: string | null, clock?: 'received' | 'event' }} [more] */
const sqlOf = (terms, { from = null, to = null, clock = 'received' } = {}) => eventsSql({ terms: terms.map(([field, value]) => ({ field, value })), clock, limit: 50 }, { from, to });
/** @param {string} sql */
const where = (sql) => sql.split('\n').filter((line) => /^(where|  and)/.test(line)).map((line) => line.trim());

test('fields are joined by and, their values by or, and a beginning is one', () => {
  assert.equal(sqlOf([]), 'select seq, id, stream, application, session_id, category, name, valid, data\nfrom eyas.events\norder by seq desc\nlimit 50');
  assert.deepEqual(where(sqlOf([['category', 'a'], ['name', 'cta*'], ['category', 'b'], ['valid', 'false'], ['stream', '*']])),
    ["where (category = 'a' or category = 'b')", "and substr(name, 1, 3) = 'cta'", 'and not valid', 'and stream is not null']);
  assert.deepEqual(where(sqlOf([['valid', 'true'], ['session_id', '😀x*']])), ['where valid', "and substr(session_id, 1, 2) = '😀x'"]);
});

test('a range is to the microsecond, of the clock that was asked for', () => {
  const range = { from: '2026-11-20T10:00:00.123456Z', to: '2026-11-20T10:00:01Z' };
  assert.deepEqual(where(sqlOf([], range)), ['where received_at_us >= 1795168800123456', 'and received_at_us < 1795168801000000']);
  assert.deepEqual(where(sqlOf([], { to: '2026-11-20T10:00:00.5+01:00', clock: 'event' })), ['where timestamp_us < 1795165200500000']);
});

test('no text leaves its quotes, and what is searched for is no pattern', () => {
  assert.deepEqual(where(sqlOf([['name', "x'; drop table prices; --"]])), ["where name = 'x''; drop table prices; --'"]);
  assert.match(sqlOf([['q', "50%_Of\\'"]]), /\(lower\(id\) like '%50\\%\\_of\\\\''%' escape '\\' or .* or lower\(application\) like /);
});
