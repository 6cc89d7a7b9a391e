// One session, /ui/sessions/<id>: what happened, in the order in which it happened.
//
// The address holds the page (`after`), the way of telling time (`time`) and the hidden categories
// (`hide`). A session's cursor only goes forward, so the page before is the browser's page before.

import { html, useMemo } from '../vendor/preact.js';

import { categories, moments } from '../lib/timeline.js';
import { duration } from '../lib/time.js';
import { download } from '../frame/download.js';
import { Failure } from '../frame/failure.js';
import { go, route, setParameter } from '../frame/navigate.js';
import { copy } from '../frame/say.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { nowMs } from '../live/live.js';
import { sessionPath, useSession } from './load.js';
import { Legend, Spark, Timeline } from './timeline.js';

/** @typedef {import('../lib/timeline.js').Moment} Moment */
/** @typedef {import('./load.js').Page} Page */

export function SessionScreen() {
  const { id, query } = route.value;
  const after = query.get('after');
  const { page, failure, isLoading, reload } = useSession(id, after);
  return html`<main class="page session-page" aria-busy=${String(isLoading)} data-test="session">
    <div class="page-head">
      <h1 tabindex="-1"><span class="muted">Session</span> <${Untrusted} text=${id} /></h1>
      <button onClick=${() => copy(id, 'The session’s id')}>Copy id</button>
      <button onClick=${reload}>Reload</button>
    </div>
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${reload} />`}
    ${page === null
      ? failure === null && html`<div class="empty" data-test="loading"><p>Reading the session…</p></div>`
      : page.events.length === 0 ? html`<${Nothing} isFirst=${after === null} />` : html`<${Whole} id=${id} page=${page} after=${after} query=${query} />`}
  </main>`;
}

/** @param {{ isFirst: boolean }} props */
function Nothing({ isFirst }) {
  return html`<div class="empty" data-test="empty">
    <h2>${isFirst ? 'No event of this session is stored' : 'The session has no later events'}</h2>
    <p>Events stand here once they are in the database, a moment after they were accepted. They belong to a session by their <code>session_id</code>.</p>
    <p><a href="/ui/">Live</a></p>
  </div>`;
}

/** @param {{ id: string, page: Page, after: string | null, query: URLSearchParams }} props */
function Whole({ id, page, after, query }) {
  const list = useMemo(() => moments(page.events), [page]);
  const legend = useMemo(() => categories(page.events), [page]);
  const hidden = new Set(query.getAll('hide'));
  const shown = list.filter(({ event }) => !hidden.has(event.envelope.category ?? ''));
  const isElapsed = query.get('time') === 'elapsed';
  return html`
    <${Numbers} list=${list} page=${page} after=${after} />
    <${Spark} list=${list} />
    <div class="session-bar">
      <${Legend} legend=${legend} hidden=${hidden} />
      <button aria-pressed=${String(isElapsed)} onClick=${() => setParameter('time', ...(isElapsed ? [] : ['elapsed']))} data-test="elapsed">Time since the start</button>
      <button onClick=${() => download(sessionPath(id), 'application/x-ndjson', 'eyas-session.ndjson')}>Export NDJSON</button>
      <button onClick=${() => download(sessionPath(id), 'text/csv', 'eyas-session.csv')}>Export CSV</button>
    </div>
    ${shown.length < list.length && html`<p class="muted" data-test="hidden">${count(list.length - shown.length)} of ${count(list.length)} are hidden by the categories above.</p>`}
    <${Timeline} list=${shown} isElapsed=${isElapsed} />
    <${Pager} page=${page} after=${after} />
  `;
}

/** How many, from when to when, of which applications. @param {{ list: Moment[], page: Page, after: string | null }} props */
function Numbers({ list, page, after }) {
  const [first, last] = [/** @type {Moment} */ (list[0]), /** @type {Moment} */ (list.at(-1))];
  const nInvalid = list.filter(({ event }) => !event.envelope.valid).length;
  const nMoved = list.filter(({ isMoved }) => isMoved).length;
  const apps = [...new Set(page.events.flatMap(({ envelope }) => envelope.application ?? []))];
  const isPart = after !== null || page.next !== null;
  const n = `${count(list.length)} ${list.length === 1 ? 'event' : 'events'}`;
  return html`
    <p class="session-numbers" data-test="numbers">
      <b>${isPart ? `${n} on this page` : n}</b> over ${duration(last.elapsedMs)}, from <${Time} at=${first.at} nowMs=${nowMs()} />${' '}
      to <${Time} at=${last.at} nowMs=${nowMs()} />${nInvalid > 0 && html` · <span class="bad"><span aria-hidden="true">✗</span> ${count(nInvalid)} invalid</span>`}
      ${nMoved > 0 && html` · <span class="warn"><span aria-hidden="true">↕</span> ${count(nMoved)} arrived out of order</span>`}
      ${apps.length > 0 && html` · ${apps.map((app, at) => html`${at > 0 && ', '}<${Untrusted} text=${app} />`)}`}
    </p>
  `;
}

/** @param {{ page: Page, after: string | null }} props */
function Pager({ page, after }) {
  if (after === null && page.next === null) return null;
  const here = (/** @type {string[]} */ ...cursor) => {
    const query = new URLSearchParams(location.search);
    query.delete('after');
    for (const value of cursor) query.set('after', value);
    return `${location.pathname}${query.size > 0 ? `?${query}` : ''}`;
  };
  const isForward = history.state?.isNextPage === true;
  const next = page.next;
  return html`<nav class="pager" aria-label="Pages of the session">
    ${after !== null && html`<button onClick=${() => go(here())} data-test="first">⇤ From the start</button>`}
    ${isForward && html`<button onClick=${() => history.back()} data-test="earlier">← Earlier</button>`}
    ${next !== null && html`<button onClick=${() => go(here(next), { state: { isNextPage: true } })} data-test="later">Later →</button>`}
  </nav>`;
}

