// Batches as people read them: states, progress, phases, and the files that become one. Pure.

import { about, count } from './amount.js';

/** @typedef {'receiving' | 'queued' | 'applying' | 'committed' | 'rejected' | 'cancelled'} BatchState */
/**
 * @typedef {object} Batch as `GET /batches/{id}` has it
 * @property {string} id
 * @property {string} table
 * @property {'append' | 'replace'} mode
 * @property {BatchState} state
 * @property {string | null} application
 * @property {string} sent_by
 * @property {string | null} label
 * @property {string | null} idempotency_key
 * @property {number} rows
 * @property {number} bytes
 * @property {number} rows_applied
 * @property {number} errors
 * @property {string} hash
 * @property {string} created_at
 * @property {string | null} received_at
 * @property {string | null} started_at
 * @property {string | null} ended_at
 * @property {string | null} detail
 * @property {number | null} upload_offset
 * @property {string | null} revalidates the rejected batch whose kept rows it has
 * @property {boolean} rows_kept whether the database refused it and its rows can be checked and stored again
 * @property {string | null} same_as the batch that has its rows: they came before, under the same key
 */
/** @typedef {{ row: number, line: number, pointer: string, rule: string, detail: string }} RowError */
/** @typedef {{ name: string, type: string, declared: string, nullable: boolean, has_default: boolean, generated: boolean }} Column */
/** @typedef {{ name: string, mode: 'append' | 'replace', columns: Column[], schema: boolean }} Table */

/** Each state with its colour and its sign. @type {Map<BatchState, [string, string]>} */
export const BATCH_STATES = new Map([
  ['receiving', ['', '↑']], ['queued', ['', '…']], ['applying', ['', '◐']],
  ['committed', ['ok', '✓']], ['rejected', ['bad', '✗']], ['cancelled', ['none', '○']],
]);

/** @param {{ state: BatchState }} batch */
export const isOver = ({ state }) => state === 'committed' || state === 'rejected' || state === 'cancelled';

/** Another batch that has the rows of this one: it is cancelled, and that is no loss. @param {Pick<Batch, 'state' | 'same_as'>} batch @returns {string | null} */
export const firstOf = ({ state, same_as: first }) => (state === 'cancelled' ? first ?? null : null);

/** Whether it can still be ended by a person. @param {{ state: BatchState }} batch */
export const isCancellable = ({ state }) => state === 'receiving' || state === 'queued';

/** "31,200 of 48,210 rows", and what is behind it of 1 where it has an end that is known. @param {Batch} batch @returns {{ text: string, share: number | null }} */
export function progressOf({ state, rows, rows_applied: applied }) {
  if (state === 'applying') return { text: `${count(applied)} of ${rowsText(rows)}`, share: rows > 0 ? Math.min(1, applied / rows) : 0 };
  if (state === 'receiving') return { text: `${rowsText(rows)} so far`, share: null };
  return { text: state === 'queued' ? 'waits for its turn' : '', share: null };
}

/** "1 row", "48,210 rows". @param {number} n */
export const rowsText = (n) => `${count(n)} ${n === 1 ? 'row' : 'rows'}`;

/** What a batch came to, in one sentence: all of it, or nothing. @param {Batch} batch @returns {string} */
export function outcome(batch) {
  const { state, rows, mode } = batch;
  const all = rowsText(rows);
  if (firstOf(batch) !== null) return 'They came before: none is lost, and none is stored twice.';
  switch (state) {
    case 'committed': return `Committed: all ${all} stored${mode === 'replace' ? ', in place of those that were there' : ''}.`;
    case 'rejected': return `Rejected: 0 of ${all} stored.`;
    case 'cancelled': return `Cancelled: 0 of ${all} stored.`;
    case 'applying': return `Applying ${all}: nobody sees one of them before all are there.`;
    case 'queued': return `Queued: ${all} are safe on disk, and wait for their turn.`;
    default: return `Receiving: ${all} so far; nobody sees one of them before all are there.`;
  }
}

/** @typedef {{ what: string, ms: number, rows: number, isRunning: boolean }} Phase */

/**
 * How long each part of its way took, or takes so far.
 * @param {Batch} batch
 * @param {number} nowMs
 * @returns {Phase[]}
 */
export function phases(batch, nowMs) {
  const at = (/** @type {string | null} */ text) => (text === null ? null : Date.parse(text));
  const [created, received, started, ended] = [batch.created_at, batch.received_at, batch.started_at, batch.ended_at].map(at);
  const steps = /** @type {const} */ ([['Receiving', created, received, batch.rows], ['Waiting', received, started, 0], ['Applying', started, ended, batch.state === 'applying' ? batch.rows_applied : batch.rows]]);
  return steps.flatMap(([what, from, to, rows]) => {
    if (from == null) return [];
    const until = to ?? ended ?? null;
    return [{ what, ms: Math.max(0, (until ?? nowMs) - from), rows, isRunning: until === null }];
  });
}

/** From its first byte to its end, or until now. @param {Batch} batch @param {number} nowMs */
export function lastedMs(batch, nowMs) {
  return Math.max(0, (batch.ended_at === null ? nowMs : Date.parse(batch.ended_at)) - Date.parse(batch.created_at));
}

/** Rows a second of what it does now, or did in all; null where none came to anything. @param {Batch} batch @param {number} nowMs */
export function speedOf(batch, nowMs) {
  if (batch.state === 'applying') return speed(batch.rows_applied, nowMs - Date.parse(batch.started_at ?? batch.created_at));
  return batch.state === 'receiving' || batch.state === 'committed' ? speed(batch.rows, lastedMs(batch, nowMs)) : null;
}

/** Rows a second; null where that says nothing. @param {number} rows @param {number} ms */
export function speed(rows, ms) {
  return rows === 0 || ms <= 0 ? null : (rows / ms) * 1000;
}

/** Before that, a speed is chance. */
const PACE_MS_MIN = 1000;

/**
 * "42 % · 1.2 MB/s · about 17 s left": how far something is, how fast, and for how long still.
 * @param {{ from: number, done: number, total: number, ms: number }} so `from` where it stood `ms` ago
 * @param {(perS: number) => string} speedText
 */
export function pace({ from, done, total, ms }, speedText) {
  const percent = `${total > 0 ? Math.floor(Math.min(1, done / total) * 100) : 100} %`;
  if (ms < PACE_MS_MIN || done <= from || done >= total) return percent;
  const perS = ((done - from) / ms) * 1000;
  const leftS = (total - done) / perS;
  return `${percent} · ${speedText(perS)} · ${leftS < 1 ? '' : 'about '}${about(leftS)} left`;
}

/** @type {[string, string, RegExp][]} Media type, what people call it, endings of its files. */
export const FORMATS = [
  ['application/x-ndjson', 'NDJSON, one object a line', /\.(ndjson|jsonl)$/i],
  ['application/json', 'JSON, an array of objects', /\.json$/i],
  ['text/csv', 'CSV, with a line of names first', /\.csv$/i],
];

/** The media type that a file's name tells. @param {string} name */
export function formatOf(name) {
  return FORMATS.find(([, , ending]) => ending.test(name))?.[0] ?? 'application/x-ndjson';
}

/** Packed files cannot be cut where a row ends, so they go by another way. @param {string} name */
export const isPacked = (name) => /\.(gz|zst|zip|bz2|xz)$/i.test(name);

/** The table whose name a file's begins with, else the first. @param {string} name @param {Table[]} tables */
export function tableFor(name, tables) {
  return (tables.find((table) => name.toLowerCase().startsWith(table.name.toLowerCase())) ?? tables[0])?.name ?? '';
}

/** A file's name as a label: those have a bound in bytes, and no control characters. @param {string} name */
export const labelOf = (name) => [...name.toWellFormed().replace(/\p{Cc}/gu, ' ')].slice(0, 60).join('');
