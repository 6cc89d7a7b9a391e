// Published queries: the values of their parameters in addresses, their answers as rows of texts, and what asks the
// same from elsewhere. Pure.
//
// No value of an answer becomes a number: a cell is its text in the answer, so that 12345678901234567890 and 1.10 stay
// what they are. Only a chart counts, and it shows no digits of its own.

import { stringValue } from './json-tree.js';
import { elements, members, skipValue } from './raw-json.js';
import { pathPart } from './route.js';

/** @typedef {{ name: string, type: string, optional: boolean, default: unknown, description: string | null }} Param */
/**
 * @typedef {object} Query as `GET /queries` has it
 * @property {string} name
 * @property {string} path
 * @property {string | null} description
 * @property {Param[]} params
 * @property {boolean} public
 * @property {string | null} scope
 * @property {number | null} cache_s
 * @property {string} [sql] for administrators only
 * @property {number} calls
 * @property {number | null} mean_ms
 * @property {number | null} p99_ms
 * @property {number} refused
 * @property {number} failed
 */
/** @typedef {Map<string, string[]>} Values of each parameter; more than one for a list only */
/** @typedef {{ columns: string[], rows: string[][] }} Answer cells are JSON texts */

/** What stands before a parameter's name in the console's own address, so that it is never taken for one of ours. */
const MARK = 'p.';

/** @param {string} type */
export const isList = (type) => type.endsWith('[]');

/** A parameter's default as the texts that give it. @param {Param} param @returns {string[]} */
export function defaultsOf({ default: given }) {
  if (given === null || given === undefined) return [];
  return (Array.isArray(given) ? given : [given]).map(String);
}

/** @param {URLSearchParams} address @param {Param[]} params @returns {Values} */
export function valuesOf(address, params) {
  return new Map(params.map(({ name }) => [name, address.getAll(MARK + name).filter((value) => value !== '')]));
}

/** @param {string} name @param {Values} [values] @param {boolean} [isRun] whether it runs as soon as it is opened */
export function queryHref(name, values = new Map(), isRun = false) {
  const address = new URLSearchParams([...values].flatMap(([param, texts]) => texts.map((text) => [MARK + param, text])));
  if (isRun) address.set('run', '1');
  return `/ui/sql/${pathPart(name)}${address.size > 0 ? `?${address}` : ''}`;
}

/** Where the server answers it. @param {{ path: string }} query @param {Values} values @param {'' | '.csv'} [form] */
export function askPath({ path }, values, form = '') {
  const asked = new URLSearchParams([...values].flatMap(([param, texts]) => texts.map((text) => [param, text])));
  return `${path}${form}${asked.size > 0 ? `?${asked}` : ''}`;
}

/** Where the server says how the database would run it. @param {Query} query @param {Values} values */
export const planPath = ({ name }, values) => askPath({ path: `/queries/${pathPart(name)}/plan` }, values);

/** @param {number | null} ms */
const shortMs = (ms) => (ms === null ? 'unknown' : `${ms < 100 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`);

/** What became of a query since the start, and what went wrong of it; the latter is empty where nothing did. @param {Query} query @returns {[string, string]} */
export function figuresOf({ calls, mean_ms, p99_ms, refused, failed }) {
  const answered = calls === 0 ? (refused + failed > 0 ? 'none answered' : 'no call yet') : `${calls} ${calls === 1 ? 'call' : 'calls'}, mean ${shortMs(mean_ms)}, 99 % within ${shortMs(p99_ms)}`;
  const wrong = [...(refused > 0 ? [`${refused} refused`] : []), ...(failed > 0 ? [`${failed} failed`] : [])];
  return [answered, wrong.join(', ')];
}

/** The parameters without which it cannot be asked. @param {Query} query @param {Values} values */
export function missing({ params }, values) {
  return params.filter((param) => !param.optional && defaultsOf(param).length === 0 && (values.get(param.name) ?? []).length === 0).map(({ name }) => name);
}

/** What a field of a form is, by the type of its parameter. @param {string} type @returns {{ input: string, hint: string }} */
export function fieldOf(type) {
  switch (type.replace('[]', '')) {
    case 'int': return { input: 'text', hint: 'a whole number' };
    case 'float': return { input: 'text', hint: 'a number such as 0.5' };
    case 'bool': return { input: 'bool', hint: 'true or false' };
    case 'date': return { input: 'date', hint: 'a day' };
    case 'timestamp': return { input: 'text', hint: 'a moment such as 2026-11-01T08:00:00Z' };
    case 'uuid': return { input: 'text', hint: 'a UUID' };
    default: return { input: 'text', hint: 'a text' };
  }
}

/**
 * `{"<name>":[{…},…]}`. The first row names the columns, which all rows have in one order.
 * @param {string} text
 * @returns {Answer}
 */
export function answerOf(text) {
  for (const { from } of members(text)) {
    const rows = elements(text, from);
    const first = rows[0];
    return { columns: first === undefined ? [] : [...members(first)].map(({ key }) => stringValue(`"${key}"`)), rows: rows.map(cellsOf) };
  }
  return { columns: [], rows: [] };
}

/** @param {string} row */
function cellsOf(row) {
  return [...members(row)].map(({ from }) => row.slice(from, skipValue(row, from)));
}

/** `{"columns":[…],"rows":[[…]],"truncated":…,"ms":…}` @param {string} text @returns {Answer & { truncated: boolean, ms: number }} */
export function adHocOf(text) {
  /** @type {Answer & { truncated: boolean, ms: number }} */
  const answer = { columns: [], rows: [], truncated: false, ms: 0 };
  for (const { key, from } of members(text)) {
    if (key === 'columns') answer.columns = JSON.parse(text.slice(from, skipValue(text, from))).map((/** @type {{ name: string }} */ { name }) => name);
    else if (key === 'rows') answer.rows = elements(text, from).map((row) => elements(row, 0));
    else if (key === 'truncated') answer.truncated = text.startsWith('true', from);
    else if (key === 'ms') answer.ms = Number(text.slice(from, skipValue(text, from)));
  }
  return answer;
}

/** A text that a spreadsheet would run begins with one of these; a quote in front keeps it a text, as in the server's own exports. */
const FORMULA = /^[=+\-@'\t\r]/;

/** @param {string} text @param {boolean} isText */
function csvCell(text, isText) {
  const safe = isText && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]|^ | $/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** An answer as CSV, a line of names first; null is empty, and numbers keep their digits. @param {Answer} answer */
export function csvOf({ columns, rows }) {
  const lines = rows.map((cells) => cells.map((cell) => (cell === 'null' ? '' : csvCell(shownCell(cell), cell.startsWith('"')))));
  return [columns.map((name) => csvCell(name, true)), ...lines].map((cells) => `${cells.join(',')}\r\n`).join('');
}

/** A cell as people read it: a string without its quotes, all else as written. @param {string} cell */
export const shownCell = (cell) => (cell.startsWith('"') ? stringValue(cell) : cell);

/** @param {string} cell */
export const isNumber = (cell) => /^-?[0-9]/.test(cell);

/** Lines of a chart have four dashes. */
const LINES_MAX = 4;

/**
 * An answer as lines over time, where it is one: days or times first, and behind them nothing but numbers that are not
 * below zero. Null where it is not.
 * @param {Answer} answer
 * @returns {{ times: number[], stepS: number, isDays: boolean, lines: { label: string, values: (number | null)[] }[] } | null}
 */
export function chartOf({ columns, rows }) {
  if (rows.length < 2 || columns.length < 2 || columns.length > 1 + LINES_MAX) return null;
  const moment = /^"\d{4}-\d\d-\d\d(?:T[^"]*)?"$/;
  const points = [...rows].map((cells) => ({ s: moment.test(cells[0] ?? '') ? Date.parse(stringValue(cells[0] ?? '')) / 1000 : NaN, cells: cells.slice(1) }));
  const isLine = points.every(({ s, cells }) => !Number.isNaN(s) && cells.every((cell) => cell === 'null' || (isNumber(cell) && Number(cell) >= 0)));
  if (!isLine || points.every(({ cells }) => cells.every((cell) => cell === 'null'))) return null;
  points.sort((a, b) => a.s - b.s);
  const times = points.map(({ s }) => s);
  const gaps = times.slice(1).map((s, at) => s - Number(times[at]));
  // Two rows of one moment are no line.
  if (gaps.some((gap) => gap === 0)) return null;
  const lines = columns.slice(1).map((label, at) => ({ label, values: points.map(({ cells }) => (cells[at] === 'null' ? null : Number(cells[at]))) }));
  return { times, stepS: Math.min(...gaps), isDays: rows.every(([first]) => first?.length === 12), lines };
}

/** More bars than this are no picture. */
const BARS_MAX = 40;

/**
 * An answer as bars, where it is one: anything first, and behind it a number that is not below zero. Null where it is not.
 * @param {Answer} answer
 * @returns {{ label: string, value: string, share: number }[] | null} `share` of the longest bar, 0 to 1
 */
export function barsOf({ columns, rows }) {
  if (columns.length !== 2 || rows.length < 2 || rows.length > BARS_MAX) return null;
  const bars = rows.map(([label = '', value = '']) => ({ label: shownCell(label), value, n: Number(value) }));
  const most = Math.max(...bars.map(({ n }) => n));
  if (!bars.every(({ value, n }) => isNumber(value) && n >= 0) || !(most > 0 && most < Infinity)) return null;
  return bars.map(({ label, value, n }) => ({ label, value, share: n / most }));
}

/** @param {string} text */
const single = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A statement of one's own, asked from elsewhere. @param {string} origin @param {string} sql @param {boolean} needsToken */
export function sqlCurl(origin, sql, needsToken) {
  return `curl ${needsToken ? '-H "Authorization: Bearer $TOKEN" ' : ''}-H 'Content-Type: application/json' \\\n  --data-binary ${single(JSON.stringify({ sql }))} \\\n  ${single(`${origin}/sql`)}`;
}

/** The same question from elsewhere. @param {string} url @param {boolean} needsToken @returns {[string, string][]} language, code */
export function snippets(url, needsToken) {
  const text = JSON.stringify(url);
  return [
    ['curl', `curl ${needsToken ? '-H "Authorization: Bearer $TOKEN" \\\n  ' : ''}${single(url)}`],
    ['JavaScript', `const answer = await fetch(${text}${needsToken ? ', {\n  headers: { authorization: `Bearer ${TOKEN}` },\n}' : ''});\nconsole.log(await answer.json());`],
    ['Python', [
      'import json, urllib.request', '',
      `request = urllib.request.Request(${text}${needsToken ? ", headers={'Authorization': f'Bearer {TOKEN}'}" : ''})`,
      'print(json.load(urllib.request.urlopen(request)))',
    ].join('\n')],
  ];
}
