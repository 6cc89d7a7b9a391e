// The table: one page of events, newest first, with the columns of Live.
//
// A page reads a bounded number of rows of the database, so with a rare filter it may come short; then
// the next one is asked for, a bounded number of times, and the rest is a step that a person takes.

import { html, useLayoutEffect, useState } from '../vendor/preact.js';

import { copyJson } from '../event/facts.js';
import { request, words } from '../lib/api.js';
import { changed, pageQuery, pinned } from '../lib/explore.js';
import { withTerm } from '../lib/filter.js';
import { splitEvent, splitPage } from '../lib/raw-json.js';
import { eventPath } from '../lib/route.js';
import { Failure } from '../frame/failure.js';
import { say } from '../frame/say.js';
import { nowMs } from '../live/live.js';
import { COLUMNS } from '../live/list.js';
import { actOf, ListRow } from '../live/row.js';
import { useAsked } from './asked.js';
import { NoRows } from './no-rows.js';
import { change, show } from './state.js';

/** Times that a short page is gone on with. */
const PAGES_MAX = 8;

/** @typedef {import('../live/row.js').Row} Row */
/** @typedef {import('./state.js').Question} Question */
/** @typedef {{ rows: Row[], newer: string | null, older: string | null, isSearched: boolean }} Answer `newer` and `older` are where a page goes on; not all `isSearched` where rows may be missing in between */

/** @param {Question} question */
export function usePage(question) {
  const isWanted = question.wanted.tab === 'events';
  return useAsked(isWanted ? question.key : null, (signal) => read(question, signal), 'The events could not be read.');
}

/** @param {Question} question @param {AbortSignal} signal @returns {Promise<Answer>} */
async function read({ wanted, range }, signal) {
  const query = pageQuery(wanted, range);
  query.set('data', 'preview');
  /** @type {import('../lib/raw-json.js').RawEvent[]} */
  const events = [];
  /** @type {string | null} */
  let next = wanted.after;
  for (let n = 0; n < PAGES_MAX && events.length < wanted.limit; n += 1) {
    if (next !== null) query.set('after', next);
    query.set('limit', String(wanted.limit - events.length));
    const page = splitPage(await request(`/events?${query}`, { signal }));
    events.push(...page.events);
    next = page.next;
    if (next === null) break;
  }
  const isNewerSide = wanted.order === 'asc';
  if (isNewerSide) events.reverse();
  const [first, last] = [events[0]?.envelope.cursor ?? null, events.at(-1)?.envelope.cursor ?? null];
  return {
    rows: events.map((event, n) => ({ ...event, n })),
    newer: isNewerSide ? next : wanted.after === null ? null : first ?? wanted.after,
    older: isNewerSide ? last ?? wanted.after : next,
    isSearched: next === null || events.length === wanted.limit,
  };
}

/** A row has a preview only. @param {Row} row */
async function copyWhole({ envelope: { id, stream } }) {
  try {
    copyJson(splitEvent(await request(`${eventPath(id)}?${new URLSearchParams({ stream })}`)));
  } catch (error) {
    say(`The event could not be read: ${words(error)}`);
  }
}

/** Gives the keyboard to a row. @param {number} n */
export function focusRow(n) {
  const element = document.querySelector(`.explore [data-n="${n}"]`);
  if (element instanceof HTMLElement) element.focus();
}

/**
 * @param {{ question: Question, page: ReturnType<typeof usePage>, openId: string | null, active: { current: number }, onOpen: (row: Row) => void }} props
 */
export function Page({ question, page: { answer, failure, isAsking, again }, openId, active, onOpen }) {
  const [n, setN] = useState(0);
  // Another page begins at its top, before a key can move on it.
  useLayoutEffect(() => {
    setN(0);
    active.current = -1;
    document.querySelector('.explore .scroller')?.scrollTo({ top: 0 });
  }, [question.key]);
  if (answer === null) {
    return failure === null ? html`<div class="empty" data-test="loading"><p>Reading the events…</p></div>` : html`<${Failure} facts=${failure} onRetry=${again} />`;
  }
  const { rows } = answer;
  const now = nowMs();
  /** @param {number} to */
  const move = (to) => focusRow(Math.min(rows.length - 1, Math.max(0, to)));
  /** @type {Map<string, () => void>} */
  const keys = new Map([
    ['ArrowDown', () => move(active.current + 1)],
    ['ArrowUp', () => move(active.current - 1)],
    ['Home', () => move(0)],
    ['End', () => move(rows.length - 1)],
    ['Enter', () => rows[active.current] !== undefined && onOpen(/** @type {Row} */ (rows[active.current]))],
  ]);
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const isOurs = !event.ctrlKey && !event.metaKey && !event.altKey && !(event.target instanceof HTMLButtonElement);
    const act = isOurs ? keys.get(event.key) : undefined;
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  /** @param {Event} event */
  const rowOf = ({ target }) => {
    const element = target instanceof Element ? target.closest('[data-n]') : null;
    return element instanceof HTMLElement ? rows[Number(element.dataset.n)] : undefined;
  };
  /** @param {FocusEvent} event */
  const onFocusIn = (event) => {
    const row = rowOf(event);
    if (row === undefined) return;
    active.current = row.n;
    setN(row.n);
  };
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    const row = rowOf(event);
    if (row === undefined) return;
    const act = actOf(event.target, row);
    if (act === 'copy') copyWhole(row);
    else if (act !== null) change({ terms: withTerm(question.wanted.terms, act) });
    else if (getSelection()?.isCollapsed !== false) onOpen(row);
  };
  return html`
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    <div class="list-box" aria-busy=${String(isAsking)}>
      ${rows.length === 0
        ? html`<${NoRows} question=${question} answer=${answer} />`
        : html`<div class="list" role="grid" aria-label="Events, newest first" aria-rowcount="-1" aria-colcount=${COLUMNS.length + 1} data-test="list">
            <div class="list-head" role="rowgroup">
              <div class="row row-head" role="row" aria-rowindex="1">${COLUMNS.map((name) => html`<span role="columnheader" class="cell">${name}</span>`)}</div>
            </div>
            <div class="scroller" role="rowgroup" onKeyDown=${onKeyDown} onFocusIn=${onFocusIn} onClick=${onClick}>
              <div class="window" role="presentation">
                ${rows.map((row) => html`<${ListRow} key=${row.envelope.seq} row=${row} index=${row.n} now=${now}
                  state=${row.envelope.valid ? 'stored' : 'invalid'} isActive=${row.n === n} isOpen=${row.envelope.id === openId} />`)}
              </div>
            </div>
          </div>`}
      <${Pager} question=${question} answer=${answer} />
    </div>
  `;
}

/** @param {{ question: Question, answer: Answer }} props */
function Pager({ question: { wanted, range, askedMs }, answer: { rows, newer, older, isSearched } }) {
  const isFirst = wanted.after === null;
  // Pages are of a pinned range, so that what arrives meanwhile moves none of them.
  const turn = (/** @type {'asc' | 'desc'} */ order, /** @type {string} */ after) =>
    show({ ...pinned(wanted, range, askedMs), order, after });
  const first = () => show(changed(wanted, {}));
  return html`<nav class="paused" aria-label="Pages">
    <button onClick=${first} disabled=${isFirst} data-test="newest">Newest</button>
    <button onClick=${() => newer !== null && turn('asc', newer)} disabled=${newer === null} data-test="newer">← Newer</button>
    <span class="muted" data-test="n-rows">${rows.length === 1 ? '1 row' : `${rows.length} rows`}${!isSearched && ', not all is searched yet'}</span>
    <button onClick=${() => older !== null && turn('desc', older)} disabled=${older === null} data-test="older">${isSearched ? 'Older →' : 'Search on →'}</button>
  </nav>`;
}
