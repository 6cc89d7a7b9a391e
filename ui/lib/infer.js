// Drafts a JSON Schema from examples. Pure.
//
// A draft claims no more than the examples show: types as they were seen, `required` where a member was in
// every example, `enum` only where few words came back again and again. A person reads and mends it.

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
