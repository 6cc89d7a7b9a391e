// The question of the Events screen as SQL, for who wants to go on from it. Pure.
//
// The same text for both databases: columns have the same names, a beginning is compared by its characters, and moments
// are whole microseconds, which `Date` does not have, so they are taken from the text.

/** @typedef {import('./filter.js').Term} Term */

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

/** @param {string} field @param {string} value */
function isLike(field, value) {
  if (!value.endsWith('*')) return `${field} = ${quoted(value)}`;
  const start = value.slice(0, -1);
  return start === '' ? `${field} is not null` : `substr(${field}, 1, ${[...start].length}) = ${quoted(start)}`;
}

const SEARCHED = ['id', 'session_id', 'category', 'name', 'application'];

/** @param {string} field @param {string[]} values @returns {string} */
function condition(field, values) {
  if (field === 'valid') return values[0] === 'true' ? 'valid' : 'not valid';
  if (field === 'q') {
    const text = quoted(`%${(values[0] ?? '').toLowerCase().replace(/[\\%_]/g, '\\$&')}%`);
    return `(${SEARCHED.map((name) => `lower(${name}) like ${text} escape '\\'`).join(' or ')})`;
  }
  const any = values.map((value) => isLike(field, value));
  return any.length === 1 ? String(any[0]) : `(${any.join(' or ')})`;
}

/** Microseconds since 1970. @param {string} rfc3339 */
function microseconds(rfc3339) {
  const digits = (/\.(\d+)/.exec(rfc3339)?.[1] ?? '').padEnd(6, '0').slice(3, 6);
  return `${Date.parse(rfc3339)}${digits}`;
}

/**
 * @param {{ terms: Term[], clock: 'received' | 'event', limit: number }} wanted
 * @param {{ from: string | null, to: string | null }} range
 * @returns {string}
 */
export function eventsSql({ terms, clock, limit }, { from, to }) {
  const column = clock === 'event' ? 'timestamp_us' : 'received_at_us';
  /** @type {Map<string, string[]>} */
  const byField = new Map();
  for (const { field, value } of terms) byField.set(field, [...(byField.get(field) ?? []), value]);
  const conditions = [
    ...(from === null ? [] : [`${column} >= ${microseconds(from)}`]),
    ...(to === null ? [] : [`${column} < ${microseconds(to)}`]),
    ...[...byField].map(([field, values]) => condition(field, values)),
  ];
  return [
    'select seq, id, stream, application, session_id, category, name, valid, data',
    'from eyas.events',
    ...conditions.map((each, at) => `${at === 0 ? 'where' : '  and'} ${each}`),
    'order by seq desc',
    `limit ${limit}`,
  ].join('\n');
}
