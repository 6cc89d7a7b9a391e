// The buffer keeps the newest, stays within its bounds, and counts what left.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Ring } from '../../lib/ring.js';

test('the newest items stay and the count of the others is true', () => {
  const ring = new Ring(3, 1000);
  for (const item of ['a', 'b', 'c', 'd', 'e']) ring.push(item, 1);
  assert.deepEqual(ring.toArray(), ['e', 'd', 'c']);
  assert.equal(ring.nPushedOut, 2);
  assert.equal(ring.at(0), 'e');
  assert.equal(ring.at(3), undefined);
  assert.equal(ring.at(-1), undefined);
});

test('large items push more than one out, and one larger than the bound stays alone', () => {
  const ring = new Ring(10, 100);
  for (let n = 0; n < 5; n += 1) ring.push(n, 20);
  ring.push(5, 60);
  assert.deepEqual(ring.toArray(), [5, 4, 3]);
  assert.equal(ring.sizeTotal, 100);
  ring.push(6, 500);
  assert.deepEqual(ring.toArray(), [6]);
  ring.push(7, 1);
  assert.deepEqual(ring.toArray(), [7]);
});

test('a cleared ring is as new', () => {
  const ring = new Ring(2, 10);
  for (let n = 0; n < 5; n += 1) ring.push(n, 1);
  ring.clear();
  assert.equal(ring.length, 0);
  assert.equal(ring.nPushedOut, 0);
  ring.push(9, 1);
  assert.deepEqual(ring.toArray(), [9]);
});

test('against a plain array: 10,000 pushes of changing size', () => {
  const ring = new Ring(50, 400);
  /** @type {{ item: number, size: number }[]} */
  let model = [];
  for (let item = 0; item < 10_000; item += 1) {
    const size = (item * 7919) % 23;
    ring.push(item, size);
    model.push({ item, size });
    while (model.length > 50 || (model.length > 1 && model.reduce((sum, each) => sum + each.size, 0) > 400)) model.shift();
    assert.equal(ring.length, model.length);
    assert.equal(ring.at(ring.length - 1), model[0]?.item);
  }
  assert.deepEqual(ring.toArray(), model.map(({ item }) => item).reverse());
});
