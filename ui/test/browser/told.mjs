// What the server may say on the screens that administer, in the shapes of docs/http-api.md: for states that a real
// server cannot be brought into quickly, and for text that no real server lets in.

/** @typedef {import('playwright-core').Page} Page */

const AT = '2026-11-20T10:00:00.123456Z';

/** Every list with `n` entries, and `text` in every field that holds text. @param {string} text @param {number} n */
export function answers(text, n) {
  const many = (/** @type {(at: number) => object} */ make) => Array.from({ length: n }, (_, at) => make(at));
  const app = (/** @type {number} */ at) => ({ name: at === 0 ? text : `${text} ${at}`, created_at: AT, allowed_origins: [text], rate: { events_per_s: 100, burst: 200 }, disabled: at % 2 === 1, n_tokens: 1, last_used: AT });
  const token = (/** @type {number} */ at) => ({ id: `t${at}`, application: text, label: text, prefix: text.slice(0, 9), kind: 'server', scopes: ['write', text], created_at: AT, created_by: text, expires_at: AT, revoked_at: null, last_used: null, state: at % 2 === 0 ? 'active' : 'revoked' });
  const schema = (/** @type {number} */ at) => ({ stream: at === 0 ? 'events' : `s${at}`, category: text, name: text, mode: 'keep', version: 1, n_versions: 2, source: at === 1 ? 'config' : 'api', changed_at: AT, changed_by: text, seen: 1000, invalid: at });
  const letter = (/** @type {number} */ at) => ({ seq: at + 1, cursor: `0123abcd.${at + 1}`, id: `${text} ${at}`, stream: 'events', application: text, session_id: text, category: text, name: text, reason: text, detail: text, state: 'open', attempts: 1, dead_at: AT, state_at: null, acted_by: text, note: text, data_bytes: 9, preview: JSON.stringify(text) });
  const job = { id: 'j1', kind: 'replay', state: 'running', created_at: AT, created_by: text, ended_at: null, total: 100, done: 40, ok: 30, failed: 6, skipped: 4, rate: 10, stop_after: 50, detail: text };
  const error = (/** @type {number} */ at) => ({ row: at + 1, line: at + 2, pointer: `/${text}`, rule: text, detail: text });
  const param = (/** @type {string} */ name, /** @type {string} */ type, /** @type {object} */ more = {}) => ({ name, type, optional: true, default: null, description: text, ...more });
  const query = (/** @type {number} */ at) => ({ name: at === 0 ? text : `${text} ${at}`, path: '/rates', description: text, params: [param('day', 'date', { optional: false }), param('codes', 'text[]'), param('sure', 'bool'), param('n', 'int', { default: [text] })], public: at > 0, scope: at > 0 ? null : 'read', cache_s: 60, timeout_ms: 5000, rows_max: 10_000, sql: text, calls: 3, mean_ms: 1.25, p99_ms: 4.1, refused: 2, failed: at });
  return new Map(/** @type {[string, object][]} */ ([
    ['/tables', { tables: many((at) => ({ name: at === 0 ? text : `t${at}`, mode: 'replace', columns: [{ name: text, type: text, declared: text, nullable: false, has_default: false, generated: false }, { name: 'day', type: 'date', declared: 'date', nullable: true, has_default: true, generated: false }], schema: true })) }],
    ['/batches', { batches: many((at) => batchOf(text, at)), next: n > 0 ? text : null }],
    ['/batches/b0', batchOf(text, 0)],
    ['/batches/b1', batchOf(text, 1)],
    ['/batches/b2', batchOf(text, 2)],
    ['/batches/b4/errors', { errors: many(error), next: null }],
    ['/batches/b4', batchOf(text, 4)],
    ['/batches/b11', batchOf(text, 11)],
    ['/queries', { queries: many(query) }],
    ['/rates', { [text]: Array.from({ length: 3 }, (_, at) => ({ day: `2016-01-0${at + 1}`, price: at })) }],
    ['/sql', { columns: [{ name: text, type: text }, { name: 'n', type: '' }], rows: many((at) => [text, at]), truncated: true, ms: 1.5 }],
    ['/applications', { applications: many(app) }],
    ['/tokens', { tokens: many(token) }],
    ['/audit', { audit: many((at) => ({ id: at, at: AT, actor: text, act: text, object: text, detail: { [text]: text } })), next: n }],
    ['/schemas', { schemas: many(schema), unmatched: many(() => ({ stream: text, category: text, name: text, count: 3, last_seen: AT })) }],
    ['/schemas/versions', { versions: many((at) => ({ version: at + 1, schema: { description: text, enum: [text, at] }, created_at: AT, created_by: text, active: at === 0 })) }],
    ['/schemas/test', { examined: 10, valid: 4, invalid: 6, newly_invalid: 2, newly_valid: 1, groups: many((at) => ({ pointer: `/data/${text}`, rule: text, message: text, count: at, sample: { seq: 1, id: text } })) }],
    ['/dead-letters', { groups: many((at) => ({ reason: text, application: at % 2 === 0 ? text : null, stream: 'events', category: text, name: text, count: 3, first_seen: AT, last_seen: AT, sample: { seq: 1, detail: text } })), counts: { open: 3 * n, replayed: 1, discarded: 2 } }],
    ['/dead-letters/events', { dead_letters: many(letter), next: null }],
    ['/dead-letters/1', { ...letter(0), timestamp: AT, received_at: AT, data: { [text]: text } }],
    ['/dead-letters/replay', { count: 1234, oldest: AT, newest: AT, left_out: 2 }],
    ['/jobs', { jobs: n === 0 ? [] : [job] }],
  ]));
}

const STATES = ['receiving', 'queued', 'applying', 'committed', 'rejected', 'cancelled'];

/** A batch in the state of its number, begun this morning; number 11 came twice. @param {string} text @param {number} at */
export function batchOf(text, at) {
  const state = STATES[at % STATES.length] ?? 'queued';
  const isOver = at % STATES.length > 2;
  return {
    id: `b${at}`, table: text, mode: 'append', state, application: text, sent_by: text, label: at % 7 === 6 ? null : text, idempotency_key: text, rows: 48_210, bytes: 3_500_000, rows_applied: state === 'applying' ? 31_200 : state === 'committed' ? 48_210 : 0,
    errors: state === 'rejected' ? 12_431 : 0, hash: '0123456789abcdef0123456789abcdef', created_at: AT, received_at: state === 'receiving' ? null : '2026-11-20T10:00:02.000000Z', started_at: at % STATES.length > 1 ? '2026-11-20T10:00:03.000000Z' : null,
    ended_at: isOver ? '2026-11-20T10:00:08.000000Z' : null, detail: isOver && state !== 'committed' ? text : null, revalidates: at === 9 ? 'b4' : null, rows_kept: state === 'rejected', upload_offset: state === 'receiving' ? 1_000_000 : null, same_as: at === 11 ? text : null,
  };
}

/**
 * Answers in place of the server, until `page.unrouteAll()`.
 * @param {Page} page
 * @param {Map<string, object>} told
 */
export async function tell(page, told) {
  await page.route((url) => told.has(url.pathname), (route) => {
    const url = new URL(route.request().url());
    return route.fulfill({ json: told.get(url.pathname) });
  });
}
