// The server's metric history as the columns that a chart draws. Pure.
//
// A null is a moment that was not measured, because the server was down: it stays null, so a chart has
// a hole there and not a zero.

/** @typedef {{ range: string, step_s: number, start: string, columns: { [name: string]: (number | null)[] }, marks: { at: string, what: string }[] }} History */

/**
 * The moments of all points, in seconds.
 * @param {History} history
 * @returns {number[]}
 */
export function moments({ start, step_s: stepS, columns }) {
  const firstS = Date.parse(start) / 1000;
  const n = Math.max(0, ...Object.values(columns).map(({ length }) => length));
  return Array.from({ length: n }, (_, at) => firstS + at * stepS);
}

/**
 * One column; one that the server does not have is never measured.
 * @param {History} history
 * @param {string} name
 * @param {number} n
 * @returns {(number | null)[]}
 */
export function column({ columns }, name, n) {
  const found = Object.hasOwn(columns, name) ? columns[name] : undefined;
  return Array.from({ length: n }, (_, at) => found?.[at] ?? null);
}

/** The newest value that was measured, if it is one of the last few. @param {(number | null)[]} values */
export function newest(values) {
  return values.slice(-3).findLast((value) => value !== null) ?? null;
}

/** Whether anything was ever there but zeros. @param {(number | null)[]} values */
export function isQuiet(values) {
  return values.every((value) => value === null || value === 0);
}

/** How far behind the database is, in a word. @param {number} s @returns {'ok' | 'warn' | 'bad'} */
export function lagKind(s) {
  return s > 10 ? 'bad' : s > 1 ? 'warn' : 'ok';
}
