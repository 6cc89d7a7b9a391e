// Events, /ui/events: what was received, by filter and range. Facets, histogram, table and groups of
// invalid events are asked for one by one, so each fails alone.

import { html, useRef } from '../vendor/preact.js';

import { copyCurl, copyJson, copyLink } from '../event/facts.js';
import { Panel } from '../event/panel.js';
import { FilterField } from '../frame/filter-field.js';
import { useKeys } from '../frame/keys.js';
import { route } from '../frame/navigate.js';
import { Controls } from './controls.js';
import { Facets } from './facets.js';
import { Histogram } from './histogram.js';
import { Invalid } from './invalid.js';
import { focusRow, Page, usePage } from './page.js';
import { change, currentQuestion, narrow, show } from './state.js';

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */
/** @typedef {import('../live/row.js').Row} Row */

export function EventsScreen() {
  const question = currentQuestion();
  const { wanted } = question;
  const page = usePage(question);
  const rows = page.answer?.rows ?? [];
  const openId = route.value.query.get('event');
  const openRow = rows.find(({ envelope }) => envelope.id === openId) ?? null;
  /** @type {{ current: RawEvent | null }} */
  const shown = useRef(null);
  /** The row that has, or had, the keyboard. @type {{ current: number }} */
  const active = useRef(-1);

  /** @param {Row} row */
  const open = (row) => {
    active.current = row.n;
    show(wanted, { event: row.envelope.id, replace: openId !== null });
  };
  const close = () => {
    show(wanted);
    focusRow(active.current);
  };
  /** @param {number} step */
  const move = (step) => focusRow(Math.min(rows.length - 1, Math.max(0, active.current + step)));
  /** @param {number} step */
  const openNeighbour = (step) => {
    const row = openRow === null ? undefined : rows[openRow.n + step];
    if (row !== undefined) open(row);
  };
  /** @param {(event: RawEvent) => void} act */
  const withShown = (act) => () => shown.current !== null && act(shown.current);
  useKeys([
    ['/', () => document.getElementById('filter')?.focus()],
    ['j', () => move(1)],
    ['k', () => move(-1)],
    ['[', () => openNeighbour(-1)],
    [']', () => openNeighbour(1)],
    ['c', withShown(copyJson)],
    ['C', withShown(copyCurl)],
    ['y', withShown(copyLink)],
    ['Escape', () => openId !== null && close()],
  ]);
  return html`
    <main class=${`explore${openId === null ? '' : ' live-open'}`} data-test="explore">
      <h1 class="visually-hidden" tabindex="-1">Events</h1>
      <${FilterField} terms=${wanted.terms} onCommit=${(/** @type {import('../lib/filter.js').Term[]} */ terms) => change({ terms })} />
      <${Controls} question=${question} />
      <div class="work">
        <${Facets} question=${question} />
        <div class="explore-main">
          <${Histogram} question=${question} />
          ${wanted.tab === 'invalid'
            ? html`<${Invalid} question=${question} />`
            : html`<${Page} question=${question} page=${page} openId=${openId} active=${active} onOpen=${open} />`}
        </div>
        <${Panel} id=${openId} stream=${openRow?.envelope.stream ?? null} shown=${shown} narrow=${narrow}
          neighbours=${() => [openRow !== null && openRow.n > 0, openRow !== null && openRow.n + 1 < rows.length]} onNeighbour=${openNeighbour} onClose=${close} />
      </div>
    </main>
  `;
}
