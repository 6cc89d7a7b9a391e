// Sets a JSON text in lines without reading its values: numbers, order and spelling stay as written. Pure.

import { items, members, skipValue } from './raw-json.js';

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
