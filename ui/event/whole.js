// One event in full, or why there is none.

import { html } from '../vendor/preact.js';

import { eventHref } from '../lib/route.js';
import { second } from '../frame/clock.js';
import { Failure } from '../frame/failure.js';
import { count, Untrusted } from '../frame/text.js';
import { frame, model, nowMs } from '../live/live.js';
import { Data } from './data.js';
import { Actions, Errors, errorsByPointer, Facts } from './facts.js';

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */
/** @typedef {import('./load.js').Loaded} Loaded */

/**
 * @param {{ event: RawEvent, state: import('../lib/raw-json.js').State, narrow: (term: import('../lib/filter.js').Term) => string, isPage: boolean }} props
 */
export function WholeEvent({ event, state, narrow, isPage }) {
  void second.value;
  const nWaiting = event.envelope.seq - model.appliedSeq;
  const errors = errorsByPointer(event);
  return html`
    <${Facts} event=${event} state=${state} nWaiting=${nWaiting} now=${nowMs()} narrow=${narrow} />
    <${Actions} event=${event} isPage=${isPage} />
    <${Errors} event=${event} />
    <${Data} key=${event.envelope.cursor} event=${event} errors=${errors} />
  `;
}

/** What stands in place of an event. @param {{ loaded: Loaded, id: string, retry: () => void }} props */
export function NoEvent({ loaded, id, retry }) {
  if (loaded.kind === 'failed') return html`<${Failure} facts=${loaded.facts} onRetry=${retry} />`;
  if (loaded.kind === 'missing') return html`<${Missing} id=${id} retry=${retry} />`;
  if (loaded.kind === 'several') return html`<${Several} id=${id} streams=${loaded.streams} />`;
  return html`<div class="empty" data-test="loading"><p>Reading the event…</p></div>`;
}

/** @param {{ id: string, retry: () => void }} props */
function Missing({ id, retry }) {
  void frame.value;
  const { stats } = model;
  return html`<div class="empty" data-test="missing">
    <h2>There is no event with this id</h2>
    <p><code><${Untrusted} text=${id} /></code></p>
    <p>
      An accepted event is found here at once, even while it waits for the
      database${stats !== null && html` (${count(stats.lag_records)} ${stats.lag_records === 1 ? 'waits' : 'wait'} now)`}. So this server has not accepted it,
      or it no longer keeps it.
    </p>
    <p class="actions"><button class="primary" onClick=${retry}>Look again</button> <a href="/ui/">Live</a></p>
  </div>`;
}

/** @param {{ id: string, streams: string[] }} props */
function Several({ id, streams }) {
  return html`<div class="empty" data-test="several">
    <h2>Several events have this id</h2>
    <p>An id names one event of a stream. Which one is meant?</p>
    <ul>
      ${streams.map((stream) => html`<li><a href=${eventHref(id, stream)}><${Untrusted} text=${stream} /></a></li>`)}
    </ul>
  </div>`;
}
