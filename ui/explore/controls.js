// The line below the filter: which part of the screen, which range by which clock, how many rows, and
// what can be done with what was found.

import { html, useState } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { getCurl } from '../lib/curl.js';
import { eventsSql } from '../lib/events-sql.js';
import { filterQuery, fromField, LIMITS, PRESETS, toField } from '../lib/explore.js';
import { may, session } from '../frame/auth.js';
import { download } from '../frame/download.js';
import { Failure } from '../frame/failure.js';
import { go } from '../frame/navigate.js';
import { copy } from '../frame/say.js';
import { timeMode } from '../frame/settings.js';
import { count } from '../frame/text.js';
import { useAsked } from './asked.js';
import { askAgain, change, pinnedHref, watchHref } from './state.js';

/** @typedef {import('./state.js').Question} Question */

const TABS = /** @type {const} */ ([['events', 'Events'], ['invalid', 'Invalid']]);

/** @param {{ question: Question }} props */
export function Controls({ question }) {
  const { wanted, range } = question;
  const isPinned = wanted.from !== null || wanted.to !== null;
  const [isAsked, setIsAsked] = useState(false);
  const isCustom = isPinned || isAsked;
  const choose = (/** @type {string} */ last) => {
    setIsAsked(false);
    change({ last, from: null, to: null });
  };
  return html`
    <div class="explore-bar">
      <div class="ranges" role="group" aria-label="What is shown">
        ${TABS.map(([name, word]) => html`<button aria-pressed=${String(wanted.tab === name)} onClick=${() => change({ tab: name })} data-test=${`tab-${name}`}>${word}</button>`)}
      </div>
      <div class="ranges" role="group" aria-label="Range">
        ${PRESETS.map(([name, word]) => html`<button aria-pressed=${String(!isCustom && wanted.last === name)} onClick=${() => choose(name)} data-test=${`last-${name}`}>${word}</button>`)}
        <button aria-pressed=${String(isCustom)} onClick=${() => setIsAsked(true)} data-test="custom">Custom</button>
      </div>
      <label>Time <select value=${wanted.clock} onChange=${onChosen((clock) => change({ clock: clock === 'event' ? 'event' : 'received' }))} data-test="clock">
        <option value="received">received</option><option value="event">of the event</option>
      </select></label>
      <label>Rows <select value=${wanted.limit} onChange=${onChosen((limit) => change({ limit: Number(limit) }))} data-test="limit">
        ${LIMITS.map((limit) => html`<option value=${limit}>${limit}</option>`)}
      </select></label>
      <span class="explore-acts"><${CountMatches} key=${question.key} question=${question} /><${Export} question=${question} />
        <button onClick=${askAgain} data-test="refresh">Refresh</button></span>
    </div>
    ${isCustom && html`<${Custom} key=${`${range.from} ${range.to} ${timeMode.value}`} range=${range} onDone=${() => setIsAsked(false)} />`}
  `;
}

/** @param {(value: string) => void} choose */
const onChosen = (choose) => (/** @type {Event} */ { currentTarget }) => choose(/** @type {HTMLSelectElement} */ (currentTarget).value);

/** Fields for date and time know no zone, so the label says which one. @param {{ range: import('./state.js').Range, onDone: () => void }} props */
function Custom({ range, onDone }) {
  const mode = timeMode.value === 'utc' ? 'utc' : 'local';
  const zone = mode === 'utc' ? 'UTC' : 'local time';
  /** @param {SubmitEvent} event */
  const onSubmit = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const [from, to] = ['from', 'to'].map((name) => fromField(String(form.get(name)), mode));
    onDone();
    if (from !== undefined && to !== undefined) change({ from, to });
  };
  return html`<form class="explore-bar" onSubmit=${onSubmit} data-test="custom-form">
    ${/** @type {const} */ (['from', 'to']).map((name) => html`<label>${name === 'from' ? 'From' : 'until'} (${zone})${' '}
      <input type="datetime-local" step="1" name=${name} defaultValue=${toField(range[name], mode)} /></label>`)}
    <button class="primary">Show</button>
  </form>`;
}

/** @param {{ question: Question }} props */
function CountMatches({ question: { wanted, range } }) {
  const [isWanted, setIsWanted] = useState(false);
  const path = `/events/count?${filterQuery(wanted, range)}`;
  const { answer, failure, isAsking, again } = useAsked(isWanted ? path : null, async (signal) => JSON.parse(await request(path, { signal })), 'The matches could not be counted.');
  if (failure !== null) return html`<${Failure} facts=${failure} onRetry=${again} />`;
  if (answer !== null) return html`<b class="explore-count" role="status" data-test="count">${answer.complete ? '' : 'more than '}${count(answer.count)} ${answer.count === 1 ? 'match' : 'matches'}</b>`;
  return html`<button onClick=${() => setIsWanted(true)} disabled=${isWanted && isAsking} data-test="count-matches">${isWanted ? 'Counting…' : 'Count matches'}</button>`;
}

/** @param {{ question: Question }} props */
function Export({ question }) {
  const { wanted, range, askedMs } = question;
  const query = filterQuery(wanted, { from: range.from, to: range.to ?? new Date(askedMs).toISOString() });
  query.set('order', 'desc');
  /** Closes the menu behind whatever was chosen. @param {MouseEvent} event */
  const onClick = ({ currentTarget }) => /** @type {HTMLElement} */ (currentTarget).closest('details')?.removeAttribute('open');
  return html`<details class="menu" data-test="export">
    <summary class="button">Export and share</summary>
    <div class="menu-items" onClick=${onClick}>
      <button onClick=${() => download(`/events?${query}`, 'application/x-ndjson', 'eyas-events.ndjson')}>Export NDJSON</button>
      <button onClick=${() => download(`/events?${query}`, 'text/csv', 'eyas-events.csv')}>Export CSV</button>
      <button onClick=${() => copy(getCurl(location.origin, `/events?${query}`, session.value?.required), 'The curl command')}>Copy as curl</button>
      <button onClick=${() => copy(location.origin + pinnedHref(question), 'The link')}>Copy link</button>
      ${may('admin') && html`<button onClick=${() => go(`/ui/sql?${new URLSearchParams({ sql: eventsSql(wanted, range) })}`)} title="The same question as a statement of your own" data-test="as-sql">Edit as SQL</button>`}
    </div>
  </details>
  <a class="button" href=${watchHref(question)} data-test="watch">Watch live</a>`;
}
