// Texts of schemas: drafted from examples, set in lines, compared. Pure.
//
// A draft claims no more than the examples show: types as they were seen, `required` where a member was in every
// example, `enum` only where few words came back again and again. Setting a text in lines reads none of its
// values: numbers, order and spelling stay as written.

import { items, members, skipValue } from './raw-json.js';

/** Examples that a text must have before its few words are taken for all that there are. */
const ENUM_EXAMPLES_MIN = 20;
const ENUM_WORDS_MAX = 6;
const ENUM_CHARS_MAX = 60;
const PROPERTIES_MAX = 100;
const DEPTH_MAX = 8;

/** @typedef {{ [word: string]: unknown }} Schema */

/** @param {unknown} value */
function typeOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value;
}

/** @param {unknown[]} examples values of JSON @returns {Schema} */
export function infer(examples) {
  return examples.length === 0 ? {} : ofExamples(examples, 0);
}

/** @param {unknown[]} examples at least one @param {number} depth @returns {Schema} */
function ofExamples(examples, depth) {
  const types = new Set(examples.map(typeOf));
  if (types.has('number')) types.delete('integer');
  const list = [...types].sort();
  /** @type {Schema} */
  const schema = { type: list.length === 1 ? list[0] : list };
  if (depth === DEPTH_MAX) return schema;
  if (types.has('object')) Object.assign(schema, ofObjects(examples.filter((value) => typeOf(value) === 'object'), depth));
  if (types.has('array')) {
    const items = examples.filter(Array.isArray).flat();
    if (items.length > 0) schema.items = ofExamples(items, depth + 1);
  }
  if (list.length === 1 && list[0] === 'string') {
    const words = new Set(examples);
    const isFew = words.size <= ENUM_WORDS_MAX && examples.length >= Math.max(ENUM_EXAMPLES_MIN, 4 * words.size);
    if (isFew && [...words].every((word) => String(word).length <= ENUM_CHARS_MAX)) return { enum: [...words].sort() };
  }
  return schema;
}

/** @param {any[]} objects @param {number} depth @returns {Schema} */
function ofObjects(objects, depth) {
  /** @type {Map<string, unknown[]>} */
  const members = new Map();
  for (const object of objects) {
    for (const [name, value] of Object.entries(object)) {
      const seen = members.get(name);
      if (seen !== undefined) seen.push(value);
      else if (members.size < PROPERTIES_MAX) members.set(name, [value]);
    }
  }
  const required = [...members].filter(([, seen]) => seen.length === objects.length).map(([name]) => name);
  // fromEntries makes own members, so `__proto__` is a name like any other.
  return { ...(required.length > 0 && { required }), properties: Object.fromEntries([...members].map(([name, seen]) => [name, ofExamples(seen, depth + 1)])) };
}

/** What fits into so many characters stands in one line. */
const LINE_CHARS = 90;

/** @param {string} text valid JSON */
export function pretty(text) {
  const from = text.search(/[^ \t\r\n]/);
  return set(text, from, skipValue(text, from), '');
}

/** @param {string} text @param {number} from @param {number} to @param {string} indent @returns {string} */
function set(text, from, to, indent) {
  const opening = text.charAt(from);
  if (opening !== '{' && opening !== '[') return text.slice(from, to);
  const deeper = `${indent}  `;
  const parts = opening === '['
    ? [...items(text, from)].map((item) => set(text, item.from, item.to, deeper))
    : [...members(text, from)].map(({ key, from: at }) => `"${key}": ${set(text, at, skipValue(text, at), deeper)}`);
  const closing = opening === '{' ? '}' : ']';
  const line = parts.join(', ');
  if (parts.length === 0) return opening + closing;
  const isFlat = indent.length + line.length < LINE_CHARS && !line.includes('\n') && (opening === '[' || parts.length < 4);
  const space = opening === '{' ? ' ' : '';
  if (isFlat && indent !== '') return opening + space + line + space + closing;
  return `${opening}\n${parts.map((part) => deeper + part).join(',\n')}\n${indent}${closing}`;
}

/** Above so many pairs of lines the comparison would be felt. */
const PAIRS_MAX = 4_000_000;

/** @typedef {{ sign: ' ' | '-' | '+', text: string }} Line */

/**
 * The shortest way from one text to the other, or null if they are too long to compare.
 * @param {string} from
 * @param {string} to
 * @returns {Line[] | null}
 */
export function lineDiff(from, to) {
  const [a, b] = [from.split('\n'), to.split('\n')];
  if (a.length * b.length > PAIRS_MAX) return null;
  // common[i][j] is how many lines the rests behind i and j have in common.
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (/** @type {number} */ i, /** @type {number} */ j) => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const row = /** @type {Uint32Array} */ (common[i]);
    for (let j = b.length - 1; j >= 0; j -= 1) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  /** @type {Line[]} */
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] ?? '' });
      i += 1;
      j += 1;
    } else if (j === b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) lines.push({ sign: '-', text: a[i++] ?? '' });
    else lines.push({ sign: '+', text: b[j++] ?? '' });
  }
  return lines;
}
