// A file sent in parts against a server that loses, repeats and refuses: what it holds in the end is the file, once.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../lib/api.js';
import { PART_BYTES, sendFile } from '../../lib/upload.js';

const ROW = 1000;
const SIZE = 2 * PART_BYTES + 123_456;

/** Bytes that differ, so that a part at the wrong place shows. */
const BYTES = Uint8Array.from({ length: SIZE }, (_, at) => (at * 31 + (at >> 8)) & 255);

/** Keeps whole rows of 1,000 bytes of what comes, as the real one does; `plan` says what happens to each request. */
class FakeServer {
  /** @param {(n: number, transfer: import('../../lib/api.js').Transfer) => 'lost' | 'answer lost' | number | null} plan */
  constructor(plan) {
    this.plan = plan;
    this.held = new Uint8Array(0);
    this.isWhole = false;
    this.isBegun = false;
    /** @type {string[]} */
    this.asked = [];
    this.lastStatus = 202;
  }

  /** @param {import('../../lib/api.js').Transfer} transfer @returns {Promise<import('../../lib/api.js').Answer>} */
  transfer = async (transfer) => {
    const { method, path, headers = {}, body } = transfer;
    this.asked.push(`${method} ${path}`);
    const what = this.plan(this.asked.length, transfer);
    if (what === 'lost') throw new ApiError(0, '', 'The server cannot be reached.');
    if (typeof what === 'number') return this.answer(what, {}, '', what === 409 && method === 'PATCH' ? 'upload_busy' : '');
    const answer = this.take(method, headers, body ?? null);
    if (what === 'answer lost') throw new ApiError(0, '', 'The server cannot be reached.');
    return answer;
  };

  /** @param {string} method @param {{ [name: string]: string }} headers @param {Blob | ArrayBuffer | null} body */
  take(method, headers, body) {
    const at = { 'upload-offset': String(this.held.length) };
    if (method === 'POST') {
      if (this.isBegun) return this.answer(409, {}, '{"code":"batch_in_progress","batch":{"id":"b 1"}}');
      this.isBegun = true;
      return this.answer(201, { location: '/batches/b%201', 'upload-offset': '0' });
    }
    if (method === 'HEAD') return this.answer(204, { ...at, 'upload-complete': this.isWhole ? '?1' : '?0' });
    if (Number(headers['upload-offset']) !== this.held.length) return this.answer(409, at);
    assert.ok(body instanceof ArrayBuffer);
    const all = Buffer.concat([this.held, new Uint8Array(body)]);
    this.isWhole = headers['upload-complete'] === '?1';
    this.held = all.subarray(0, this.isWhole ? all.length : all.length - (all.length % ROW));
    return this.isWhole ? this.answer(this.lastStatus, {}) : this.answer(204, { 'upload-offset': String(this.held.length) });
  }

  /** @param {number} status @param {{ [name: string]: string }} headers @param {string} [text] @param {string} [code] */
  answer(status, headers, text = '', code = '') {
    return { status, text, header: (/** @type {string} */ name) => headers[name] ?? null, refusal: () => new ApiError(status, 'r', `refused ${status}`, [], code) };
  }
}

/** @param {FakeServer} server @param {Partial<import('../../lib/upload.js').Sending>} [more] */
async function sent(server, more = {}) {
  /** @type {number[]} */
  const waits = [];
  /** @type {string[]} */
  const troubles = [];
  const id = await sendFile({
    file: new Blob([BYTES]), path: '/tables/t/batches', headers: { 'content-type': 'text/csv' }, id: null, transfer: server.transfer,
    wait: async (ms) => void waits.push(ms), stop: new AbortController().signal, tell: ({ trouble }) => trouble !== '' && troubles.push(trouble), ...more,
  });
  return { id, waits, troubles };
}

test('parts follow each other from the end of the last whole row', async () => {
  const server = new FakeServer(() => null);
  assert.deepEqual(await sent(server), { id: 'b 1', waits: [], troubles: [] });
  assert.ok(server.isWhole);
  assert.deepEqual(server.held, Buffer.from(BYTES));
  assert.deepEqual(server.asked, ['POST /tables/t/batches', ...Array(3).fill('PATCH /batches/b%201')]);
});

test('whatever is lost on the way, the server has the file once', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    let state = seed * 7919;
    const chance = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const server = new FakeServer(() => (chance() < 0.3 ? 'lost' : chance() < 0.3 ? 'answer lost' : chance() < 0.2 ? 503 : null));
    const { id, waits, troubles } = await sent(server);
    assert.equal(id, 'b 1', `seed ${seed}`);
    assert.deepEqual(server.held, Buffer.from(BYTES), `seed ${seed}`);
    assert.equal(waits.length, troubles.length);
  }
});

test('the answer to the last part may be lost: the server says that it has all', async () => {
  const server = new FakeServer((n) => (n === 4 ? 'answer lost' : null));
  await sent(server);
  assert.deepEqual(server.asked.slice(4), ['HEAD /batches/b%201']);
});

test('a batch that was begun before goes on where the server has its end', async () => {
  const server = new FakeServer(() => null);
  server.isBegun = true;
  server.held = BYTES.slice(0, 7000);
  await sent(server, { id: 'b 1' });
  assert.deepEqual(server.held, Buffer.from(BYTES));
  assert.deepEqual(server.asked.slice(0, 2), ['HEAD /batches/b%201', 'PATCH /batches/b%201']);
});

test('a request that was broken off and is still at work is waited for', async () => {
  const server = new FakeServer((n) => (n === 2 || n === 4 ? 409 : null));
  const { waits } = await sent(server);
  assert.equal(waits.length, 2);
  assert.deepEqual(server.held, Buffer.from(BYTES));
});

test('refused rows are an end, refusals of another kind are errors, and a stop is a stop', async () => {
  const rejecting = new FakeServer(() => null);
  rejecting.lastStatus = 422;
  assert.equal((await sent(rejecting)).id, 'b 1');
  for (const status of [400, 401, 403, 404, 409, 413, 415]) {
    if (status !== 409) await assert.rejects(sent(new FakeServer((n) => (n === 2 ? status : null))), new RegExp(`refused ${status}`));
    await assert.rejects(sent(new FakeServer((n) => (n === 1 ? status : null))), new RegExp(`refused ${status}`));
  }
  const stop = new AbortController();
  await assert.rejects(sent(new FakeServer((n) => (n === 3 && stop.abort(), null)), { stop: stop.signal }), { name: 'AbortError' });
});

test('a shorter file than what is there already, and a row without end, are told and not tried for ever', async () => {
  const server = new FakeServer(() => null);
  server.held = BYTES.slice(0, 50_000);
  await assert.rejects(sent(server, { id: 'b', file: new Blob([BYTES.slice(0, 10_000)]) }), /not the file/);
  const stuck = new FakeServer(() => null);
  stuck.take = (method) => (method === 'POST' ? stuck.answer(201, { location: '/batches/x' }) : stuck.answer(204, { 'upload-offset': '0' }));
  await assert.rejects(sent(stuck), /no whole row/);
});
