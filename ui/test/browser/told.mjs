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
  return new Map(/** @type {[string, object][]} */ ([
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
