// One event in full: all fields, its errors, its data as written. The tree comes with a later screen.

import { html, signal, useEffect, useRef } from '../vendor/preact.js';

import { dataText, eventText } from '../lib/raw-json.js';
import { duration } from '../lib/time.js';
import { copy } from '../frame/say.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { closeRow, filterBy, frame, indexOf, model, nowMs, openNeighbour, openRow } from './live.js';
import { StateMark } from './row.js';

/** Characters of data that are shown at first. */
const DATA_CHARS = 64 * 1024;
/** A client's clock that is further off than this is worth a word. */
const SKEW_MS = 5 * 60_000;

/** Arrival number of the event whose data is shown to its end. */
const shownInFull = signal(-1);

/** @typedef {import('./model.js').Row} Row */

export function Detail() {
  void frame.value;
  /** @type {{ current: HTMLElement | null }} */
  const heading = useRef(null);
  const row = openRow.value;
  // Opening is what a person did, so the focus may follow.
  useEffect(() => heading.current?.focus(), [row?.n]);
  if (row === null) return null;
  const index = indexOf(row.n);
  return html`
    <aside class="detail" aria-label="Event" data-test="detail">
      <div class="detail-head">
        <h2 tabindex="-1" ref=${heading}>Event</h2>
        <button class="quiet" onClick=${() => openNeighbour(-1)} disabled=${index <= 0} title="Newer (key [)">Newer</button>
        <button class="quiet" onClick=${() => openNeighbour(1)} disabled=${index === -1 || index + 1 >= model.nShown}
          title="Older (key ])">Older</button>
        <button class="quiet" onClick=${closeRow} title="Close (key Esc)">Close</button>
      </div>
      <div class="detail-body">
        <${Fields} row=${row} />
        <${Errors} row=${row} />
        <${Data} row=${row} />
      </div>
    </aside>
  `;
}

/** @param {{ row: Row }} props */
function Fields({ row }) {
  const { envelope } = row;
  const now = nowMs();
  return html`
    <dl class="fields">
      <dt>State</dt>
      <dd><${StateMark} state=${model.stateOf(row)} /></dd>
      <dt>Id</dt>
      <dd>
        <${Untrusted} text=${envelope.id} />
        <button class="link" onClick=${() => copy(envelope.id, 'The id')}>Copy</button>
      </dd>
      <dt>Stream</dt>
      <dd><${Untrusted} text=${envelope.stream} /> <${OnlyThis} field="stream" value=${envelope.stream} /></dd>
      <${Label} name="Application" field="application" value=${envelope.application} />
      <${Label} name="Category" field="category" value=${envelope.category} />
      <${Label} name="Name" field="name" value=${envelope.name} />
      <${Label} name="Session" field="session_id" value=${envelope.session_id} />
      <dt>Timestamp</dt>
      <dd>
        ${envelope.timestamp === null
          ? html`<span class="none">none was sent</span>`
          : html`<${Time} at=${envelope.timestamp} nowMs=${now} />${skew(envelope.timestamp, envelope.received_at)}`}
      </dd>
      <dt>Received</dt>
      <dd><${Time} at=${envelope.received_at} nowMs=${now} /></dd>
      <dt>Sequence</dt>
      <dd>${envelope.seq} <span class="none"><${Untrusted} text=${envelope.cursor} /></span></dd>
    </dl>
  `;
}

/** @param {{ name: string, field: string, value: string | null }} props */
function Label({ name, field, value }) {
  return html`<dt>${name}</dt>
    <dd>
      ${value === null
        ? html`<span class="none">–</span>`
        : html`<${Untrusted} text=${value} /> <${OnlyThis} field=${field} value=${value} />`}
    </dd>`;
}

/** @param {{ field: string, value: string }} props */
function OnlyThis({ field, value }) {
  return html`<button class="link" onClick=${() => filterBy(field, value)}>Only this</button>`;
}

/** @param {string} timestamp @param {string} receivedAt */
function skew(timestamp, receivedAt) {
  const aheadMs = Date.parse(timestamp) - Date.parse(receivedAt);
  if (!(Math.abs(aheadMs) > SKEW_MS)) return null;
  return html` <span class="warn">${duration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'after' : 'before'} it was received</span>`;
}

/** @param {{ row: Row }} props */
function Errors({ row: { envelope } }) {
  if (envelope.errors.length === 0) return null;
  return html`
    <h3>Errors</h3>
    <ul class="errors">
      ${envelope.errors.map(
        ({ pointer, rule, message }) => html`<li>
          <span class="glyph" aria-hidden="true">✗</span>
          <span>
            <${Untrusted} text=${message ?? ''} />
            <span class="error-where"><code><${Untrusted} text=${pointer ?? ''} /></code> · <${Untrusted} text=${rule ?? ''} /></span>
          </span>
        </li>`,
      )}
    </ul>
  `;
}

/** @param {{ row: Row }} props */
function Data({ row }) {
  const nChars = row.dataTo - row.dataFrom;
  const isCut = nChars > DATA_CHARS && shownInFull.value !== row.n;
  const text = dataText(row, isCut ? DATA_CHARS : Infinity);
  return html`
    <div class="data-head">
      <h3>Data</h3>
      <button onClick=${() => copy(eventText(row), 'The event')} title="Copy the whole event as JSON (key c)">Copy JSON</button>
    </div>
    <pre class="raw" tabindex="0" aria-label="Data as written" data-test="raw"><${Untrusted} text=${text} charsMax=${Infinity} layout /></pre>
    ${isCut &&
    html`<button onClick=${() => (shownInFull.value = row.n)}>Show all ${count(nChars)} characters</button>`}
  `;
}
