// What stands in place of the table when it has no rows: where the newest event is, what to change, or
// how to send the first one.

import { html } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { filterQuery, presetFor } from '../lib/explore.js';
import { splitPage } from '../lib/raw-json.js';
import { relative } from '../lib/time.js';
import { Untrusted } from '../frame/text.js';
import { First } from '../live/empty.js';
import { nowMs } from '../live/live.js';
import { useAsked } from './asked.js';
import { change } from './state.js';

/** How much is shown around an event that no preset reaches. */
const AROUND_MS = 3_600_000;

/** @param {{ question: import('./state.js').Question, answer: import('./page.js').Answer }} props */
export function NoRows({ question, answer }) {
  const { key, wanted } = question;
  const newest = useAsked(`newest ${key}`, (signal) => newestOf(question, signal), 'The newest event could not be read.').answer;
  if (!answer.isSearched) {
    return html`<div class="empty" data-test="searching"><h2>Nothing was found so far</h2>
      <p>What matches is rare: a part of the range was searched. “Search on” goes on from there.</p></div>`;
  }
  if (newest === null) return html`<div class="empty" data-test="loading"><p>Nothing in this range. Looking for the newest event…</p></div>`;
  if (newest.at === null) return wanted.terms.length === 0 ? html`<${First} />` : html`<${NoMatch} />`;
  const ms = Date.parse(newest.at);
  const preset = wanted.clock === 'received' && wanted.after === null ? presetFor(ms, nowMs()) : null;
  return html`<div class="empty" data-test="no-rows">
    <h2>No event ${wanted.terms.length > 0 ? 'matches ' : ''}in this range</h2>
    <p>The newest event${wanted.terms.length > 0 && ' that matches'} ${wanted.clock === 'event' ? 'happened' : 'came'} ${relative(ms, nowMs())} (<${Untrusted} text=${newest.at.replace(/^(\S{10})T(\d\d:\d\d:\d\d)\S*$/, '$1 $2Z')} />).</p>
    <p class="actions">
      ${preset === null
        ? html`<button class="primary" onClick=${() => change({ from: new Date(ms - AROUND_MS).toISOString(), to: new Date(ms + AROUND_MS).toISOString() })} data-test="show-range">Show the hours around it</button>`
        : html`<button class="primary" onClick=${() => change({ last: preset[0], from: null, to: null })} data-test="show-range">Show the last ${preset[1]}</button>`}
      <${Clear} terms=${wanted.terms} />
    </p>
  </div>`;
}

function NoMatch() {
  return html`<div class="empty" data-test="no-match">
    <h2>No event matches</h2>
    <p>Not in this range, and in no other.</p>
    <p class="actions"><${Clear} terms=${[1]} /></p>
  </div>`;
}

/** @param {{ terms: unknown[] }} props */
function Clear({ terms }) {
  return terms.length > 0 && html`<button onClick=${() => change({ terms: [] })}>Clear filter</button>`;
}

/** @param {import('./state.js').Question} question @param {AbortSignal} signal @returns {Promise<{ at: string | null }>} */
async function newestOf({ wanted }, signal) {
  const query = filterQuery(wanted, { from: null, to: null });
  query.set('order', 'desc');
  query.set('limit', '1');
  query.set('data', 'preview');
  const [event] = splitPage(await request(`/events?${query}`, { signal })).events;
  if (event === undefined) return { at: null };
  return { at: (wanted.clock === 'event' && event.envelope.timestamp) || event.envelope.received_at };
}
