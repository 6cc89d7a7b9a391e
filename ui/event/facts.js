// What is known about an event besides its data: its times, its labels, its errors, and what can be
// done with it. The same in the panel beside Live and on the event's own page.

import { html } from '../vendor/preact.js';

import { curl } from '../lib/curl.js';
import { toQuery } from '../lib/filter.js';
import { root, pathTo } from '../lib/json-tree.js';
import { dataText, eventText } from '../lib/raw-json.js';
import { eventHref, isAddressable, liveHref, sessionHref } from '../lib/route.js';
import { delta, skewMs } from '../lib/time.js';
import { session } from '../frame/auth.js';
import { copy } from '../frame/say.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { StateMark } from '../live/row.js';
import { DATA_POINTER, reveal } from './data.js';

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */
/** @typedef {import('../lib/raw-json.js').State} State */
/** @typedef {import('../lib/filter.js').Term} Term */

/**
 * @param {{ event: RawEvent, state: State, nWaiting: number, now: number, narrow: (term: Term) => string }} props
 *   `nWaiting` records stand before it while it is queued; `narrow` gives the address of "Only this"
 */
export function Facts({ event, state, nWaiting, now, narrow }) {
  const { envelope } = event;
  /** @param {string} name @param {string} field @param {string | null} value @param {any} [shown] */
  const label = (name, field, value, shown) => html`<dt>${name}</dt>
    <dd>${value === null ? html`<span class="none">–</span>` : html`${shown ?? html`<${Untrusted} text=${value} />`} <a class="only" href=${narrow({ field, value })} aria-label=${`Only this ${name.toLowerCase()}`} title="Show only these">Only this</a>`}</dd>`;
  const session = envelope.session_id;
  return html`
    <dl class="fields" data-test="facts">
      <dt>State</dt>
      <dd><${StateMark} state=${state} />${state === 'queued' && html` <span class="muted">position ~${count(Math.max(1, nWaiting))} in the queue</span>`}${state === 'dead' && html` <a href=${`/ui/dead/${envelope.seq}`} data-test="to-dead">Why, and what can be done</a>`}</dd>
      <dt>Id</dt>
      <dd><${Untrusted} text=${envelope.id} /> <button class="link" onClick=${() => copy(envelope.id, 'The id')}>Copy</button></dd>
      <${Times} envelope=${envelope} now=${now} />
      ${label('Stream', 'stream', envelope.stream)}
      ${label('Application', 'application', envelope.application)}
      ${label('Category', 'category', envelope.category)}
      ${label('Name', 'name', envelope.name)}
      ${label('Session', 'session_id', session, session !== null && isAddressable(session) ? html`<a href=${sessionHref(session)} title="All events of this session"><${Untrusted} text=${session} /></a>` : undefined)}
      <dt>Schema</dt>
      <dd>${typeof envelope.schema_version === 'number' ? `version ${envelope.schema_version}` : html`<span class="none">judged by none</span>`}</dd>
      <dt>Sequence</dt>
      <dd>${envelope.seq} <span class="none"><${Untrusted} text=${envelope.cursor} /></span></dd>
    </dl>
  `;
}

/** When it happened, when it came, and what lies between. @param {{ envelope: RawEvent['envelope'], now: number }} props */
function Times({ envelope: { timestamp, received_at: receivedAt }, now }) {
  const skew = timestamp === null ? null : skewMs(timestamp, receivedAt);
  return html`
    <dt>Happened</dt>
    <dd>
      ${timestamp === null ? html`<span class="none">no time was sent</span>` : html`<${Time} at=${timestamp} nowMs=${now} />`}
      ${skew !== null && html` <span class="warn" data-test="skew"><span aria-hidden="true">⚠</span> ${skew > 0
        ? `the client’s clock is ${delta(skew)} ahead`
        : `sent ${delta(-skew)} late, or the client’s clock is behind`}</span>`}
    </dd>
    <dt>Received</dt>
    <dd>
      <${Time} at=${receivedAt} nowMs=${now} />
      ${timestamp !== null && html` <span class="muted" data-test="delta">${deltaText(timestamp, receivedAt)}</span>`}
    </dd>
  `;
}

/** "+120 ms" @param {string} timestamp @param {string} receivedAt */
function deltaText(timestamp, receivedAt) {
  const ms = Date.parse(receivedAt) - Date.parse(timestamp);
  return `${ms < 0 ? '−' : '+'}${delta(Math.abs(ms))}`;
}

/** Each error, with a way to the node that it speaks of. @param {{ event: RawEvent }} props */
export function Errors({ event }) {
  const { errors } = event.envelope;
  if (errors.length === 0) return null;
  return html`
    <h2 class="h3">Errors</h2>
    <ul class="errors" data-test="errors">
      ${errors.map(
        ({ pointer = '', rule = '', message = '' }) => html`<li>
          <span class="glyph" aria-hidden="true">✗</span>
          <span>
            <${Untrusted} text=${message} />
            <span class="error-where"><code><${Untrusted} text=${pointer} /></code> · <${Untrusted} text=${rule} />
              ${isInData(event, pointer) && html` <button class="link" onClick=${() => (reveal.value = { pointer })}>Show in the data</button>`}
            </span>
          </span>
        </li>`,
      )}
    </ul>
  `;
}

/** @param {RawEvent} event @param {string} pointer */
function isInData(event, pointer) {
  if (pointer !== DATA_POINTER && !pointer.startsWith(`${DATA_POINTER}/`)) return false;
  const text = dataText(event);
  return pathTo(text, root(text, DATA_POINTER), pointer) !== null;
}

/** The errors by the place in the data that they speak of. @param {RawEvent} event */
export function errorsByPointer({ envelope: { errors } }) {
  /** @type {import('./tree.js').Errors} */
  const found = new Map();
  for (const { pointer = '', rule = '', message = '' } of errors) {
    found.set(pointer, [...(found.get(pointer) ?? []), { message, rule }]);
  }
  return found;
}

/** @param {RawEvent} event */
const link = ({ envelope: { id, stream } }) => eventHref(id, stream === 'events' ? null : stream);

/** @param {RawEvent} event */
export const copyJson = (event) => copy(eventText(event), 'The event');
/** @param {RawEvent} event */
export const copyCurl = (event) => copy(curl(event, location.origin, session.value?.required), 'The curl command');
/** @param {RawEvent} event */
export const copyLink = (event) => copy(location.origin + link(event), 'The link');

/** @param {{ event: RawEvent, isPage: boolean }} props */
export function Actions({ event, isPage }) {
  const { application, category, name } = event.envelope;
  const like = [['application', application], ['category', category], ['name', name]].flatMap(([field, value]) =>
    typeof value === 'string' ? [{ field: String(field), value }] : [],
  );
  return html`<p class="actions">
    <button onClick=${() => copyJson(event)} title="Copy the whole event as JSON (key c)">Copy JSON</button>
    <button onClick=${() => copyCurl(event)} title="Copy the command that sends this event (key Shift+C)">Copy curl</button>
    <button onClick=${() => copyLink(event)} title="Copy the address of this event (key y)">Copy link</button>
    ${!isPage && isAddressable(event.envelope.id) && html`<a class="button" href=${link(event)}>Open as page</a>`}
    ${like.length > 0 && html`<a class="button" href=${liveHref(toQuery(like))} data-test="like">More like this</a>`}
  </p>`;
}
