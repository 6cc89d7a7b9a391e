// When the found events were: valid and invalid ones on each other. A range drawn with the mouse becomes
// the range of the screen.

import { html, useMemo, useState } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { filterQuery } from '../lib/explore.js';
import { clock } from '../lib/time.js';
import { Failure } from '../frame/failure.js';
import { Plot, pointed } from '../frame/plot.js';
import { timeMode } from '../frame/settings.js';
import { count } from '../frame/text.js';
import { Table } from '../health/chart.js';
import { nowMs } from '../live/live.js';
import { useAsked } from './asked.js';
import { change } from './state.js';

const BUCKETS = 60;
const HEIGHT_PX = 92;

/** @typedef {import('../frame/plot.js').Plotted} Plotted */
/** @typedef {{ start: string, step_s: number, valid: number[], invalid: number[], examined: number, complete: boolean }} Answer */

/** @param {{ question: import('./state.js').Question }} props */
export function Histogram({ question: { key, wanted, range, askedMs } }) {
  const [isTable, setIsTable] = useState(false);
  const query = filterQuery(wanted, { from: range.from, to: range.to ?? new Date(askedMs).toISOString() });
  query.set('buckets', String(BUCKETS));
  const asked = useAsked(key, async (signal) => JSON.parse(await request(`/events/histogram?${query}`, { signal })), 'The histogram could not be counted.');
  const { failure, again } = asked;
  const answer = /** @type {Answer | null} */ (asked.answer);
  const plotted = useMemo(() => answer && plottedOf(answer), [answer]);
  const brush = (/** @type {number} */ fromS, /** @type {number} */ toS) => change({ from: new Date(fromS * 1000).toISOString(), to: new Date(toS * 1000).toISOString() });
  return html`<section class="chart chart-low histogram" aria-label="Events over time" data-test="histogram">
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    ${answer !== null && plotted !== null && html`
      <div class="chart-head">
        <h2>Events over time</h2>
        <button class="link" aria-pressed=${String(isTable)} aria-label="Events over time as a table" onClick=${() => setIsTable(!isTable)} data-test="as-table">Table</button>
      </div>
      <${Legend} plotted=${plotted} isComplete=${answer.complete} examined=${answer.examined} />
      ${isTable
        ? html`<${Table} title="Events over time" plotted=${plotted} />`
        : html`<${Plot} plotted=${plotted} heightPx=${HEIGHT_PX} onBrush=${brush} label=${`Histogram: ${plotted.series.map(({ label, values }) => `${label} ${count(sum(values))}`).join(', ')}.`} />`}
    `}
  </section>`;
}

/** @param {Answer} answer @returns {Plotted} */
function plottedOf({ start, step_s: stepS, valid, invalid }) {
  const fromS = Date.parse(start) / 1000;
  return {
    times: valid.map((_, at) => fromS + at * stepS),
    stepS,
    unit: 'count',
    isBars: true,
    series: [{ label: 'valid', colour: 'accent', values: valid }, { label: 'invalid', colour: 'bad', values: invalid }],
  };
}

/** @param {(number | null)[]} values */
const sum = (values) => values.reduce((/** @type {number} */ all, value) => all + (value ?? 0), 0);

/** @param {{ plotted: Plotted, isComplete: boolean, examined: number }} props */
function Legend({ plotted, isComplete, examined }) {
  const at = pointed(plotted);
  const mode = timeMode.value === 'utc' ? 'utc' : 'local';
  const edge = (/** @type {number} */ n) => clock(new Date((Number(plotted.times[0]) + n * plotted.stepS) * 1000).toISOString(), mode, nowMs()).replace(/\.\d+/, '');
  return html`<ul class="chart-legend">
    ${plotted.series.map(({ label, colour, values }) => html`<li>
      <svg class=${`swatch ${colour}`} viewBox="0 0 22 4" aria-hidden="true"><line x1="0" y1="2" x2="22" y2="2" /></svg>
      ${label} <b>${count(at === -1 ? sum(values) : values[at] ?? 0)}${at === -1 && !isComplete && '+'}</b>
    </li>`)}
    <li class="muted">${at !== -1 ? `${edge(at)} – ${edge(at + 1)}` : isComplete ? 'Draw a range with the mouse to look into it.' : `Counted in the newest ${count(examined)} events of the range.`}</li>
  </ul>`;
}
