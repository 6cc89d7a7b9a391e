// One chart of the metric history, and the same numbers as a table.
//
// Starts and stops of the server are vertical lines; what was not measured is a hole.

import { html, useMemo, useState } from '../vendor/preact.js';

import { reading } from '../lib/amount.js';
import { column, isQuiet, moments, newest } from '../lib/series.js';
import { clock } from '../lib/time.js';
import { DASHES, Plot, pointed } from '../frame/plot.js';
import { timeMode } from '../frame/settings.js';

const HEIGHT_PX = 150;
/** Of a panel that says `isLow`. */
const LOW_PX = 92;
/** Rows of the table. */
const TABLE_ROWS = 60;

/** @typedef {import('../lib/series.js').History} History */
/** @typedef {import('../lib/amount.js').Unit} Unit */
/** @typedef {import('../frame/plot.js').Plotted} Plotted */
/** @typedef {{ title: string, unit: Unit, isLow?: boolean, series: { name: string, label: string, colour: string }[] }} Panel */

/** @param {{ panel: Panel, history: History }} props */
export function Chart({ panel, history }) {
  const [isTable, setIsTable] = useState(false);
  const plotted = useMemo(() => plottedOf(panel, history), [panel, history]);
  const { title, isLow } = panel;
  const summary = plotted.series.map(({ label, values }) => `${label} ${reading(newest(values), panel.unit)}${isQuiet(values) ? ', always zero' : ''}`);
  const isEmpty = plotted.series.every(({ values }) => values.every((value) => value === null));
  return html`<section class=${`chart${isLow ? ' chart-low' : ''}`} aria-label=${title} data-test="chart">
    <div class="chart-head">
      <h2 class="h3">${title}</h2>
      <button class="link" aria-pressed=${String(isTable)} aria-label=${`${title} as a table`} onClick=${() => setIsTable(!isTable)} data-test="as-table">Table</button>
    </div>
    <${Legend} plotted=${plotted} />
    ${isTable
      ? html`<${Table} title=${title} plotted=${plotted} />`
      : html`<${Plot} plotted=${plotted} heightPx=${isLow ? LOW_PX : HEIGHT_PX} label=${`Chart. Newest: ${summary.join('; ')}.`} />`}
    ${isEmpty && html`<p class="muted chart-none">Nothing was measured in this range.</p>`}
  </section>`;
}

/** @param {Panel} panel @param {History} history @returns {Plotted} */
function plottedOf({ unit, series }, history) {
  const times = moments(history);
  return {
    times,
    stepS: history.step_s,
    unit,
    series: series.map(({ name, label, colour }) => ({ label, colour, values: column(history, name, times.length) })),
    marksS: history.marks.map(({ at }) => Date.parse(at) / 1000),
  };
}

/** What each line is, and its value under the mouse, else the newest. @param {{ plotted: Plotted }} props */
function Legend({ plotted }) {
  const at = pointed(plotted);
  return html`<ul class="chart-legend">
    ${plotted.series.map(({ label, colour, values }, n) => html`<li>
      <svg class=${`swatch ${colour}`} viewBox="0 0 22 4" aria-hidden="true"><line x1="0" y1="2" x2="22" y2="2" stroke-dasharray=${DASHES[n]?.join(' ')} /></svg>
      ${label} <b>${reading(at === -1 ? newest(values) : values[at], plotted.unit)}</b>
    </li>`)}
  </ul>`;
}

/** @param {{ title: string, plotted: Plotted }} props */
export function Table({ title, plotted: { times, series, unit } }) {
  const from = Math.max(0, times.length - TABLE_ROWS);
  const mode = timeMode.value === 'utc' ? 'utc' : 'local';
  return html`<div class="chart-table" tabindex="0" role="region" aria-label=${`${title}: the last ${TABLE_ROWS} points`}>
    <table>
      <thead><tr><th scope="col">Time</th>${series.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead>
      <tbody>
        ${times.slice(from).map((s, at) => html`<tr>
          <th scope="row">${clock(new Date(s * 1000).toISOString(), mode, Date.now()).replace(/\.\d+/, '')}</th>
          ${series.map(({ values }) => html`<td>${reading(values[from + at], unit)}</td>`)}
        </tr>`).reverse()}
      </tbody>
    </table>
  </div>`;
}
