// One row of the list. Drawn again only when something about it has changed.

import { Component, html } from '../vendor/preact.js';

import { hue } from '../lib/hue.js';
import { dataText } from '../lib/raw-json.js';
import { Time, Untrusted } from '../frame/text.js';
import { timeMode } from '../frame/settings.js';

/** Characters of data in a row; no screen shows more in one line. */
const PREVIEW_CHARS = 240;

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('../lib/raw-json.js').State} State */
/** @typedef {{ row: Row, index: number, now: number, state: State, isActive: boolean, isOpen: boolean }} Props */

/** Glyph and word, so that no state is told by colour alone. @type {Map<State, string>} */
const GLYPHS = new Map([
  ['queued', '…'],
  ['stored', '✓'],
  ['invalid', '✗'],
  ['dead', '☠'],
]);

/** @param {{ state: State }} props */
export function StateMark({ state }) {
  return html`<span class=${`state state-${state}`}
    ><span class="glyph" aria-hidden="true">${GLYPHS.get(state)}</span> ${state}</span
  >`;
}

/**
 * A short session with a coloured bar, so that one session is found again at a glance.
 * @param {{ session: string | null }} props
 */
function Session({ session }) {
  if (session === null) return html`<span class="none">–</span>`;
  return html`<span class="session" style=${{ '--hue': hue(session) }}><${Untrusted} text=${short(session)} /></span>`;
}

/** The first group of a UUID; other texts are cut by the column. @param {string} session */
function short(session) {
  return /^[0-9a-f]{8}-/i.test(session) ? session.slice(0, 8) : session;
}

/**
 * "app / stream", or the stream alone.
 * @param {{ application: string | null, stream: string }} envelope
 */
function source({ application, stream }) {
  return application === null ? stream : `${application} / ${stream}`;
}

/** "enum /data/element", the first of them and how many more. @param {import('../lib/raw-json.js').Envelope['errors']} errors */
function brokenRule([{ rule = '', pointer = '' } = {}, ...more]) {
  return `${rule} ${pointer}${more.length > 0 ? ` +${more.length}` : ''}`;
}

/**
 * What a button that shows itself on a row wants: one term more for the filter, or the event itself.
 * @param {EventTarget | null} target
 * @param {Row} row
 * @returns {import('../lib/filter.js').Term | 'copy' | null} null where no button was meant
 */
export function actOf(target, { envelope }) {
  const button = target instanceof Element ? target.closest('[data-act]') : null;
  const act = button instanceof HTMLElement ? button.dataset.act : undefined;
  if (act === 'name') return { field: act, value: envelope.name ?? '' };
  if (act === 'session_id') return { field: act, value: envelope.session_id ?? '' };
  return act === 'copy' ? act : null;
}

export class ListRow extends Component {
  /** @param {Props} next */
  shouldComponentUpdate(next) {
    const old = /** @type {Props} */ (this.props);
    const isSame =
      old.row === next.row && old.index === next.index && old.state === next.state &&
      old.isActive === next.isActive && old.isOpen === next.isOpen;
    return !isSame || timeMode.value === 'relative';
  }

  /** @param {any} props Props; preact's type of a component knows nothing of them */
  render({ row, index, now, state, isActive, isOpen }) {
    const { envelope } = /** @type {Row} */ (row);
    return html`
      <div class=${`row${isOpen ? ' row-open' : ''}`} role="row" aria-rowindex=${index + 2}
        aria-selected=${isOpen ? 'true' : undefined} tabindex=${isActive ? 0 : -1} data-n=${row.n}
        data-seq=${envelope.seq} data-state=${state} data-test="row">
        <span class="cell cell-time" role="gridcell"><${Time} at=${envelope.received_at} nowMs=${now} /></span>
        <span class="cell cell-state" role="gridcell"><${StateMark} state=${state} /></span>
        <span class="cell cell-source" role="gridcell"><${Untrusted} text=${source(envelope)} /></span>
        <span class="cell cell-name" role="gridcell">
          ${envelope.category !== null && html`<span class="category"><${Untrusted} text=${envelope.category} /></span><span class="none slash">/</span>`}
          ${envelope.name !== null && html`<b><${Untrusted} text=${envelope.name} /></b>`}
          ${envelope.category === null && envelope.name === null && html`<span class="none">–</span>`}
        </span>
        <span class="cell cell-session" role="gridcell"><${Session} session=${envelope.session_id} /></span>
        <span class="cell cell-data" role="gridcell">
          ${envelope.errors[0] !== undefined && html`<span class="bad" data-test="rule"><${Untrusted} text=${brokenRule(envelope.errors)} charsMax=${120} /></span> `}
          <${Untrusted} text=${dataText(row, PREVIEW_CHARS + 1)} charsMax=${PREVIEW_CHARS} layout />
        </span>
        <span class="row-acts" role="gridcell">
          ${envelope.name !== null && html`<button data-act="name">Only this name</button>`}
          ${envelope.session_id !== null && html`<button data-act="session_id">Only this session</button>`}
          <button data-act="copy">Copy</button>
        </span>
      </div>
    `;
  }
}
