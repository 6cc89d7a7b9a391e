// The screen's numbers always add up, nothing is counted twice, and a pause hides nothing for good.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Model, ROWS_MAX } from '../../live/model.js';

/** @param {number} seq @param {object} [more] @returns {any} */
function event(seq, more = {}) {
  return { envelope: { seq, cursor: `0a1b2c3d.${seq}`, valid: true, errors: [], ...more }, text: 'x', dataFrom: 0, dataTo: 0 };
}

/** @param {Model} model @param {number} from @param {number} to */
function add(model, from, to) {
  for (let seq = from; seq <= to; seq += 1) model.add(event(seq));
}

test('newest on top, and what comes a second time is left out', () => {
  const model = new Model();
  add(model, 1, 5);
  assert.equal(model.add(event(5)), false);
  assert.equal(model.add(event(2)), false);
  assert.equal(model.add(event(9)), true);
  assert.equal(model.nMatched, 6);
  assert.equal(model.row(0)?.envelope.seq, 9);
  assert.equal(model.cursor, '0a1b2c3d.9');
});

test('matched = shown + not shown, through overflow, pause and resume', () => {
  const model = new Model();
  const holds = () => assert.equal(model.nMatched, model.nShown + model.nNotShown);
  add(model, 1, ROWS_MAX + 10);
  holds();
  assert.equal(model.nNotShown, 10);
  model.pause('button');
  const top = model.row(0);
  add(model, ROWS_MAX + 11, ROWS_MAX + 30);
  holds();
  assert.equal(model.row(0), top);
  assert.equal(model.nSincePause, 20);
  assert.equal(model.nNotShown, 30);
  model.resume();
  holds();
  assert.equal(model.nShown, ROWS_MAX);
  assert.equal(model.row(0)?.envelope.seq, ROWS_MAX + 30);
  assert.equal(model.nSincePause, 0);
});

test('a second pause does not freeze anew', () => {
  const model = new Model();
  add(model, 1, 3);
  model.pause('scroll');
  add(model, 4, 5);
  model.pause('open');
  assert.equal(model.pausedBy, 'scroll');
  assert.equal(model.nShown, 3);
});

test('the state follows the applied position and never goes back', () => {
  const model = new Model();
  add(model, 1, 2);
  model.add(event(3, { valid: false }));
  const states = () => [2, 1, 0].map((index) => model.stateOf(/** @type {any} */ (model.row(index))));
  /** @param {number} applied */
  const stats = (applied) => ({ accepted: 3, stored: 3, applied_seq: applied, head_seq: 3, invalid: 1, lag_s: 0, lag_records: 0 });
  assert.deepEqual(states(), ['queued', 'queued', 'queued']);
  model.setStats(stats(2), 0);
  assert.deepEqual(states(), ['stored', 'stored', 'queued']);
  model.setStats(stats(3), 1);
  model.setStats(stats(1), 2);
  assert.deepEqual(states(), ['stored', 'stored', 'invalid']);
});

test('only what comes before the feed has caught up was missed', () => {
  const model = new Model();
  add(model, 1, 3);
  model.outage = { sinceMs: 0, untilMs: null, missed: 0, done: false, cursor: null };
  add(model, 2, 8);
  model.outage.done = true;
  add(model, 9, 12);
  assert.equal(model.outage.missed, 5);
});

test('behind a gap the list goes on, also in another log', () => {
  const model = new Model();
  add(model, 1, 3);
  model.addGap({ from: '0a1b2c3d.3', to: 'ffffffff.0', why: 'other_log' });
  assert.equal(model.add(event(1, { cursor: 'ffffffff.1' })), true);
  assert.equal(model.add(event(1, { cursor: 'ffffffff.1' })), false);
});

test('arrivals of the last minute, also over a restart of the server', () => {
  const model = new Model();
  /** @param {number} accepted @param {number} atS */
  const hear = (accepted, atS) =>
    model.setStats({ accepted, stored: 0, applied_seq: 0, head_seq: 0, invalid: 0, lag_s: 0, lag_records: 0 }, atS * 1000);
  hear(100, 0);
  assert.equal(model.nAcceptedLately, 0);
  hear(150, 30);
  hear(400, 61);
  assert.equal(model.nAcceptedLately, 250);
  hear(5, 62);
  hear(12, 63);
  assert.equal(model.nAcceptedLately, 7);
});

/** @param {number} from @param {number} to @param {number} every one of so many is sent @returns {any} */
function sample(from, to, every) {
  const seqs = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const events = seqs.filter((seq) => seq % every === 0).map((seq) => event(seq));
  return { first: `0a1b2c3d.${from}`, last: `0a1b2c3d.${to}`, matched: seqs.length, sent: events.length, events };
}

/** @param {Model} model */
function addsUp(model) {
  assert.equal(model.nMatched, model.nShown + model.nNotShown);
  assert.equal(model.nNotShown, model.nSampledOut + model.nWaiting + model.nPushedOut);
  assert.ok(model.nReceived >= model.nMatched && model.nPushedOut >= 0 && model.nWaiting >= 0);
}

test('a sample counts all that matched, also when nothing of it was sent, and never twice', () => {
  const model = new Model();
  model.addFrame(sample(1, 100, 10));
  model.addFrame(sample(101, 109, 1000));
  model.addFrame(sample(101, 109, 1000));
  assert.deepEqual([model.nMatched, model.nShown, model.nSampledOut], [109, 10, 99]);
  assert.equal(model.cursor, '0a1b2c3d.109');
  addsUp(model);
});

test('the parts of what is not shown add up through samples, pauses, reading on and overflow', () => {
  const model = new Model();
  let seq = 0;
  const more = (/** @type {number} */ n, /** @type {number} */ every) => {
    model.addFrame(sample(seq + 1, seq + n, every));
    seq += n;
    addsUp(model);
  };
  more(3000, 2);
  model.pause('button');
  more(4000, 2);
  assert.deepEqual([model.nShown, model.nWaiting, model.nSincePause, model.nPushedOut], [1500, 2000, 4000, 0]);
  assert.equal(model.readOn(), 2000);
  addsUp(model);
  assert.deepEqual([model.nShown, model.nWaiting, model.nSincePause, model.isPaused], [3500, 0, 0, true]);
  more(12_431, 1);
  assert.deepEqual([model.nShown, model.nWaiting, model.nSincePause, model.nPushedOut], [3500, ROWS_MAX, 12_431, 7431]);
  model.readOn();
  addsUp(model);
  assert.equal(model.nShown, ROWS_MAX);
  model.resume();
  addsUp(model);
  assert.equal(model.row(0)?.envelope.seq, seq);
});

test('received counts what the filter leaves out, and goes on over a gap', () => {
  const model = new Model();
  add(model, 41, 45);
  model.beginCounting();
  model.moveTo('0a1b2c3d.60');
  assert.deepEqual([model.nReceived, model.nMatched], [20, 5]);
  model.setStats({ accepted: 1, stored: 1, applied_seq: 1, head_seq: 65, invalid: 0, lag_s: 0, lag_records: 0 }, 0);
  assert.equal(model.nReceived, 25);
  model.addGap({ from: '0a1b2c3d.60', to: 'ffffffff.3', why: 'other_log' });
  model.moveTo('ffffffff.10');
  assert.equal(model.nReceived, 27);
});

test('missed counts what matched, whether it was sent or not', () => {
  const model = new Model();
  add(model, 1, 3);
  model.outage = { sinceMs: 0, untilMs: null, missed: 0, done: false, cursor: null };
  model.addFrame(sample(4, 8216, 10));
  model.outage.done = true;
  model.addFrame(sample(8217, 9000, 10));
  assert.equal(model.outage.missed, 8213);
});

test('a dead letter that is replayed turns into a stored event, in its place', () => {
  const model = new Model();
  model.add(event(1, { state: 'dead' }));
  model.add(event(2));
  model.appliedSeq = 2;
  const states = () => [1, 0].map((index) => model.stateOf(/** @type {any} */ (model.row(index))));
  assert.deepEqual(states(), ['dead', 'stored']);
  model.setFate({ seq: 1, state: 'stored' });
  assert.deepEqual(states(), ['stored', 'stored']);
  assert.equal(model.nMatched, 2);
  for (let seq = 10; seq < 10 + 2 * ROWS_MAX; seq += 1) model.setFate({ seq, state: 'stored' });
  assert.ok(model.fates.size <= ROWS_MAX);
});
