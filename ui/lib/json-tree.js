// Reads a JSON text as a tree of places in that text, so that it can be shown as it was written. Pure.
//
// No value ever becomes a number or an object: a node is its kind and where its text begins and ends,
// so 12345678901234567890, 1.0 and 1E400 stay what they are, members keep their order, a second
// member of one name is kept and marked, and `__proto__` is a name like any other.
// Children are listed only when somebody opens their parent; nothing here recurses, so depth costs
// no stack.

import { items, members, skipValue } from './raw-json.js';

/** @typedef {'object' | 'array' | 'string' | 'number' | 'word'} Kind */
/**
 * @typedef {object} Node
 * @property {Kind} kind
 * @property {number} from where its text begins; no two nodes share it
 * @property {number} to
 * @property {string | null} key the member's name as written, without quotes; null for an element
 * @property {string} pointer JSON Pointer (RFC 6901) below the root's own
 * @property {boolean} isRepeated an earlier member has the same name
 */

/** @type {Map<string, Kind>} */
const KINDS = new Map([['{', 'object'], ['[', 'array'], ['"', 'string'], ['t', 'word'], ['f', 'word'], ['n', 'word']]);

/** @param {string} text @param {number} from @returns {Kind} */
const kindAt = (text, from) => KINDS.get(text.charAt(from)) ?? 'number';

/**
 * The whole text as a node.
 * @param {string} text valid JSON
 * @param {string} [pointer] what pointers into it begin with
 * @returns {Node}
 */
export function root(text, pointer = '') {
  const from = text.length - text.replace(/^[ \t\r\n]+/, '').length;
  return { kind: kindAt(text, from), from, to: skipValue(text, from), key: null, pointer, isRepeated: false };
}

/** @param {Node} node */
export function isBranch({ kind }) {
  return kind === 'object' || kind === 'array';
}

/**
 * @param {string} text
 * @param {Node} node
 * @returns {Node[]} in the order of the text; none for a leaf
 */
export function childrenOf(text, { kind, from, pointer }) {
  /** @type {Node[]} */
  const nodes = [];
  if (kind === 'array') {
    for (const place of items(text, from)) {
      nodes.push({ kind: kindAt(text, place.from), ...place, key: null, pointer: `${pointer}/${nodes.length}`, isRepeated: false });
    }
  } else if (kind === 'object') {
    /** @type {Set<string>} */
    const names = new Set();
    for (const { key, from: at } of members(text, from)) {
      // "a" and "\u0061" are one name in two spellings.
      const name = stringValue(`"${key}"`);
      const isRepeated = names.has(name);
      names.add(name);
      nodes.push({ kind: kindAt(text, at), from: at, to: skipValue(text, at), key, pointer: `${pointer}/${pointerPart(name)}`, isRepeated });
    }
  }
  return nodes;
}

/** @param {string} name */
function pointerPart(name) {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** What a JSON string says; the one kind of value that parsing does not change. @param {string} text */
export function stringValue(text) {
  return /** @type {string} */ (JSON.parse(text));
}

/**
 * The nodes from the root to the one that a pointer names, or null where there is none. Of members
 * with one name it takes the last, as most readers of JSON do.
 * @param {string} text
 * @param {Node} from
 * @param {string} pointer
 * @returns {Node[] | null}
 */
export function pathTo(text, from, pointer) {
  const path = [from];
  for (let node = from; node.pointer !== pointer; path.push(node)) {
    const next = childrenOf(text, node).findLast((child) => pointer === child.pointer || pointer.startsWith(`${child.pointer}/`));
    if (next === undefined) return null;
    node = next;
  }
  return path;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\r\n]*/y;

/**
 * Whether a text is JSON as RFC 8259 says, to the letter.
 * @param {string} text
 * @returns {number | null} null if it is, else the place of the first character that is wrong
 */
export function faultOf(text) {
  let at = 0;
  /** @param {RegExp} pattern */
  const take = (pattern) => {
    pattern.lastIndex = at;
    const isThere = pattern.test(text);
    if (isThere) at = pattern.lastIndex;
    return isThere;
  };
  /** @param {string} sign */
  const sign = (sign) => {
    const isThere = text.charAt(at) === sign;
    if (isThere) at += 1;
    return isThere;
  };
  /** @type {string[]} The brackets that are open, as the signs that close them. */
  const open = [];
  const name = () => take(STRING) && (take(SPACE), sign(':'));
  for (;;) {
    take(SPACE);
    if (sign('{')) {
      take(SPACE);
      if (!sign('}')) {
        open.push('}');
        if (!name()) return at;
        continue;
      }
    } else if (sign('[')) {
      take(SPACE);
      if (!sign(']')) {
        open.push(']');
        continue;
      }
    } else if (!take(STRING) && !take(NUMBER) && !take(WORD)) return at;
    for (take(SPACE); open.length > 0 && sign(open.at(-1) ?? ''); take(SPACE)) open.pop();
    if (open.length === 0) return at === text.length ? null : at;
    if (!sign(',')) return at;
    take(SPACE);
    if (open.at(-1) === '}' && !name()) return at;
  }
}
