// What to know about a database that does not answer: since when, why, and that nothing is lost by it. On Live and on
// Health.

import { html } from '../vendor/preact.js';

import { count, Time, Untrusted } from './text.js';

/** @typedef {{ kind: string, state: string, since: string | null, detail: string | null, version: string | null }} Database as `GET /status` has it */

/** @param {{ database: Database, nWaiting: number, nowMs: number }} props */
export function DatabaseDown({ database: { kind, since, detail }, nWaiting, nowMs }) {
  return html`The database (${NAMES.get(kind) ?? 'unknown'}) does not answer${since !== null && html` since <${Time} at=${since} nowMs=${nowMs} />`}.
    Events are still accepted, and stored when it is back: ${count(nWaiting)} wait.${detail !== null && detail !== '' && html` <span class="muted"><${Untrusted} text=${detail} charsMax=${400} /></span>`}`;
}

export const NAMES = new Map([['sqlite', 'SQLite'], ['postgres', 'PostgreSQL']]);
