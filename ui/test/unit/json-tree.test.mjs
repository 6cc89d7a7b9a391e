// The tree shows what was written: nothing is parsed, reordered, merged or lost. And what is JSON is
// decided as the JSONTestSuite says.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { childrenOf, faultOf, isBranch, pathTo, root, stringValue } from '../../lib/json-tree.js';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** Where the server's own tests keep the suite. */
async function suiteFolder() {
  const found = [];
  for (const entry of await readdir(join(repository, 'crates'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.name === 'n_structure_100000_opening_arrays.json') found.push(entry.parentPath);
  }
  assert.equal(found.length, 1, 'the JSONTestSuite stands once below crates/');
  return String(found[0]);
}

test('the JSONTestSuite: all that must be accepted is, and all that must be refused is', async () => {
  const folder = await suiteFolder();
  const counts = { y: 0, n: 0, i: 0 };
  for (const name of await readdir(folder)) {
    const verdict = /^([yni])_.*\.json$/.exec(name)?.[1];
    if (verdict !== 'y' && verdict !== 'n' && verdict !== 'i') continue;
    counts[verdict] += 1;
    /** @type {string} */
    let text;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(join(folder, name)));
    } catch {
      assert.notEqual(verdict, 'y', name); // no UTF-8 is no text
      continue;
    }
    const fault = faultOf(text);
    if (verdict !== 'i') assert.equal(fault === null, verdict === 'y', `${name}: ${fault}`);
    if (fault === null) assert.equal(leavesAndSigns(text), text.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/gs, '$1'), name);
  }
  assert.ok(counts.y > 90 && counts.n > 180 && counts.i > 30, JSON.stringify(counts));
});

/** Writes the tree again, which must give the text but for white space between tokens. @param {string} text */
function leavesAndSigns(text) {
  let out = '';
  /** @type {(import('../../lib/json-tree.js').Node | string)[]} */
  const todo = [root(text)];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (typeof next === 'string') out += next;
    else if (!isBranch(next)) out += text.slice(next.from, next.to);
    else {
      const parts = childrenOf(text, next).flatMap((child, at) => [at > 0 ? ',' : '', child.key === null ? '' : `"${child.key}":`, child]);
      todo.push(next.kind === 'object' ? '}' : ']', ...parts.reverse(), next.kind === 'object' ? '{' : '[');
    }
  }
  return out;
}

/** @param {string} text @param {string} [pointer] */
function shown(text, pointer) {
  return childrenOf(text, root(text, pointer)).map((node) => [node.key, node.kind, text.slice(node.from, node.to), node.pointer, node.isRepeated]);
}

test('numbers stay as written, members keep their order, repeated ones are kept and marked', () => {
  assert.deepEqual(shown('{"b":12345678901234567890,"a":1.0,"b":-0,"\\u0062":1E400}'), [
    ['b', 'number', '12345678901234567890', '/b', false],
    ['a', 'number', '1.0', '/a', false],
    ['b', 'number', '-0', '/b', true],
    ['\\u0062', 'number', '1E400', '/b', true],
  ]);
  assert.deepEqual(shown(' [ null , true , "x" , [ ] , { } ] ', '/data').map(([, kind, text, pointer]) => [kind, text, pointer]), [
    ['word', 'null', '/data/0'],
    ['word', 'true', '/data/1'],
    ['string', '"x"', '/data/2'],
    ['array', '[ ]', '/data/3'],
    ['object', '{ }', '/data/4'],
  ]);
});

test('names that are special to a program are names', () => {
  const text = '{"__proto__":{"x":1},"constructor":1,"toString":2,"a/b~c":3,"":4,"__proto__":5}';
  assert.deepEqual(shown(text).map(([key, , , pointer, isRepeated]) => [key, pointer, isRepeated]), [
    ['__proto__', '/__proto__', false],
    ['constructor', '/constructor', false],
    ['toString', '/toString', false],
    ['a/b~c', '/a~1b~0c', false],
    ['', '/', false],
    ['__proto__', '/__proto__', true],
  ]);
  assert.equal(/** @type {any} */ ({}).x, undefined);
});

test('a pointer leads to its node, and to nothing where there is none', () => {
  const text = '{"a":[{"b~/c":1},{"b~/c":2}],"a":[7,8],"":{"":9}}';
  const find = (/** @type {string} */ pointer) => {
    const node = pathTo(text, root(text, '/data'), pointer)?.at(-1);
    return node === undefined ? null : text.slice(node.from, node.to);
  };
  assert.equal(find('/data'), text);
  assert.equal(find('/data/a/1'), '8'); // the last of two members
  assert.equal(find('/data//'), '9');
  assert.equal(find('/data/a/2'), null);
  assert.equal(find('/data/a/1/x'), null);
  assert.equal(find('/name'), null);
  assert.equal(pathTo(text, root(text), '/a/1')?.length, 3);
});

test('depth costs no stack, and strings say what they say', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  assert.equal(faultOf(deep), null);
  assert.equal(faultOf(deep.slice(0, -1)), deep.length - 1);
  assert.equal(childrenOf(deep, root(deep)).length, 1);
  assert.equal(stringValue('"a\\u0062\\ud800\\n"'), 'ab\ud800\n');
  assert.equal(faultOf(`"${'x'.repeat(2_000_000)}"`), null);
  assert.equal(faultOf(`[${'1,'.repeat(200_000)}1]`), null);
});
