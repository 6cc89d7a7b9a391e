// First fill and feed together show every event once, whatever the database has applied meanwhile.
//
// The server here is forty lines of a log: pages see what is applied, the feed sees all. Between any
// two requests more is applied, which is where a careless start loses or repeats events.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { position } from '../../lib/cursor.js';
import { firstFill, newerThan } from '../../live/fill.js';

const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

/**
 * @param {{ names: string[], applied: number, applyBetween: number, rowsRead?: number }} server
 * @returns {{ asked: string[] }}
 */
function serve(server) {
  /** @type {string[]} */
  const asked = [];
  globalThis.fetch = async (path) => {
    const url = new URL(String(path), 'http://x');
    asked.push(url.search);
    const query = url.searchParams;
    assert.equal(query.get('stream'), '*'); // else only the stream `events` would be read
    const limit = Number(query.get('limit'));
    const after = query.get('after');
    /** @type {string[]} */
    const events = [];
    let seq = after === null ? server.applied : position(after).seq - 1;
    for (let read = 0; seq > 0 && events.length < limit && read < (server.rowsRead ?? 1e9); read += 1, seq -= 1) {
      const name = server.names[seq - 1] ?? '';
      if (query.get('name') === null || query.get('name') === name) events.push(row(seq, name));
    }
    server.applied = Math.min(server.names.length, server.applied + server.applyBetween);
    return new Response(`{"events":[${events}],"next":${seq > 0 ? `"0a1b2c3d.${seq + 1}"` : 'null'}}`);
  };
  return { asked };
}

/** @param {number} seq @param {string} name */
function row(seq, name) {
  return `{"id":"e${seq}","seq":${seq},"cursor":"0a1b2c3d.${seq}","name":"${name}","data":${seq}.0}`;
}

/** @param {string} filter */
const fill = (filter) => firstFill(new URLSearchParams(filter), new AbortController().signal);

/**
 * What page and feed show together, oldest first.
 * @param {string[]} names
 * @param {string} filter
 */
async function shown(names, filter) {
  const { events, since } = await fill(filter);
  const from = since === 'beginning' ? 0 : position(since).seq;
  const wanted = new URLSearchParams(filter).get('name');
  const fed = names.map((name, at) => ({ name, seq: at + 1 })).filter(({ name, seq }) => seq > from && (wanted ?? name) === name);
  return [...events.map(({ envelope }) => envelope.seq).reverse(), ...fed.map(({ seq }) => seq)];
}

const NAMES = Array.from({ length: 60 }, (_, at) => (at % 7 === 0 ? 'rare' : 'often'));

test('without a filter and with one, at every state of the database', async () => {
  for (const applyBetween of [0, 1, 3, 50]) {
    for (let applied = 0; applied <= NAMES.length; applied += 1) {
      for (const filter of ['', 'name=rare', 'name=absent']) {
        serve({ names: NAMES, applied, applyBetween });
        const wanted = new URLSearchParams(filter).get('name');
        const all = NAMES.map((name, at) => ({ name, seq: at + 1 })).filter(({ name }) => (wanted ?? name) === name);
        assert.deepEqual(await shown(NAMES, filter), all.map(({ seq }) => seq), `${filter} ${applied} ${applyBetween}`);
      }
    }
  }
});

test('short and empty pages are followed', async () => {
  const names = Array.from({ length: 30 }, (_, at) => (at === 3 ? 'rare' : 'often'));
  serve({ names, applied: 30, applyBetween: 0, rowsRead: 10 });
  const { events, since } = await fill('name=rare');
  assert.deepEqual(events.map(({ envelope }) => envelope.seq), [4]);
  assert.equal(since, '0a1b2c3d.30');
});

test('a long history costs one page, and the newest are taken', async () => {
  const names = Array.from({ length: 5000 }, () => 'often');
  const { asked } = serve({ names, applied: 5000, applyBetween: 0 });
  const { events, since } = await fill('');
  assert.equal(events.length, 100);
  assert.equal(since, '0a1b2c3d.5000');
  assert.equal(asked.length, 1);
});

test('a poll reads on behind the newest row, page by page, and says when there is more', async () => {
  let nRows = 1200;
  globalThis.fetch = async (path) => {
    const query = new URL(String(path), 'http://x').searchParams;
    const from = query.get('after') === null ? 0 : position(query.get('after') ?? '').seq;
    const to = Math.min(nRows, from + Number(query.get('limit')));
    const events = Array.from({ length: to - from }, (_, at) => row(from + at + 1, 'often'));
    return new Response(`{"events":[${events}],"next":${to < nRows ? `"0a1b2c3d.${to}"` : 'null'}}`);
  };
  /** @param {string | null} cursor */
  const poll = (cursor) => newerThan(new URLSearchParams(), cursor, new AbortController().signal);
  const { events, isEnd } = await poll('0a1b2c3d.7');
  assert.equal(isEnd, true);
  assert.deepEqual(events.map(({ envelope }) => envelope.seq), Array.from({ length: 1193 }, (_, at) => at + 8));
  assert.deepEqual(await poll('0a1b2c3d.1200'), { events: [], isEnd: true });
  nRows = 1_000_000;
  const part = await poll(null);
  assert.equal(part.isEnd, false);
  assert.equal(part.events.length, 10_000);
});
