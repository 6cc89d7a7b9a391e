// One chart of the metric history, drawn by uPlot, and the same numbers as a table.
//
// The colours are read from the page's tokens, and each line has a dash of its own, so that none is told
// by colour alone. What was not measured is a hole; starts and stops of the server are vertical lines.

import { html, useLayoutEffect, useRef, useState } from '../vendor/preact.js';
import uPlot from '../vendor/uplot.js';

import { about, reading } from '../lib/amount.js';
import { column, isQuiet, moments, newest } from '../lib/series.js';
import { clock } from '../lib/time.js';
import { theme, timeMode } from '../frame/settings.js';

const HEIGHT_PX = 150;
/** Of a panel that says `isLow`. */
const LOW_PX = 92;
/** Rows of the table. */
const TABLE_ROWS = 60;
/** Widths of a step on the time axis, in seconds. */
const STEPS_S = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000];
/** @type {number[][]} */
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];

/** @typedef {import('../lib/series.js').History} History */
/** @typedef {import('../lib/amount.js').Unit} Unit */
/** @typedef {{ title: string, unit: Unit, isLow?: boolean, series: { name: string, label: string, colour: string }[] }} Panel */
/** @typedef {(number | null)[][]} Columns */

/** @param {Panel} panel */
const heightOf = ({ isLow }) => (isLow ? LOW_PX : HEIGHT_PX);

/** @param {{ panel: Panel, history: History }} props */
export function Chart({ panel, history }) {
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const [isTable, setIsTable] = useState(false);
  const times = moments(history);
  const columns = panel.series.map(({ name }) => column(history, name, times.length));
  const isEmpty = columns.every((values) => values.every((value) => value === null));
  return html`<section class=${`chart${panel.isLow ? ' chart-low' : ''}`} aria-label=${panel.title} data-test="chart">
    <div class="chart-head">
      <h2 class="h3">${panel.title}</h2>
      <button class="link" aria-pressed=${String(isTable)} aria-label=${`${panel.title} as a table`} onClick=${() => setIsTable(!isTable)} data-test="as-table">Table</button>
    </div>
    <ul class="chart-legend">
      ${panel.series.map(({ label, colour }, n) => html`<li>
        <svg class=${`swatch ${colour}`} viewBox="0 0 22 4" aria-hidden="true"><line x1="0" y1="2" x2="22" y2="2" stroke-dasharray=${DASHES[n]?.join(' ')} /></svg>
        ${label} <b>${reading(at === null ? newest(columns[n] ?? []) : columns[n]?.[at], panel.unit)}</b>
      </li>`)}
    </ul>
    ${isTable
      ? html`<${Table} panel=${panel} times=${times} columns=${columns} />`
      : html`<${Plot} panel=${panel} history=${history} times=${times} columns=${columns} onCursor=${setAt} />`}
    ${isEmpty && html`<p class="muted chart-none">Nothing was measured in this range.</p>`}
  </section>`;
}

/** @param {{ panel: Panel, times: number[], columns: Columns }} props */
function Table({ panel, times, columns }) {
  const from = Math.max(0, times.length - TABLE_ROWS);
  const mode = timeMode.value === 'utc' ? 'utc' : 'local';
  return html`<div class="chart-table" tabindex="0" role="region" aria-label=${`${panel.title}: the last ${TABLE_ROWS} points`}>
    <table>
      <thead><tr><th scope="col">Time</th>${panel.series.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead>
      <tbody>
        ${times.slice(from).map((s, at) => html`<tr>
          <th scope="row">${clock(new Date(s * 1000).toISOString(), mode, Date.now()).replace('.000', '')}</th>
          ${columns.map((values) => html`<td>${reading(values[from + at], panel.unit)}</td>`)}
        </tr>`).reverse()}
      </tbody>
    </table>
  </div>`;
}

/** @param {{ panel: Panel, history: History, times: number[], columns: Columns, onCursor: (at: number | null) => void }} props */
function Plot({ panel, history, times, columns, onCursor }) {
  /** @type {{ current: HTMLElement | null }} */
  const box = useRef(null);
  /** @type {{ current: uPlot | null }} */
  const plot = useRef(null);
  const newestHistory = useRef(history);
  newestHistory.current = history;
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const build = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(panel, element, () => newestHistory.current, onCursor), dataOf(times, columns), element);
    };
    build();
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: heightOf(panel) }));
    observer.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', build);
    return () => {
      scheme.removeEventListener('change', build);
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [panel, history.range, theme.value, timeMode.value]);
  useLayoutEffect(() => plot.current?.setData(dataOf(times, columns)), [history]);
  const summary = panel.series.map(({ label }, n) => `${label} ${reading(newest(columns[n] ?? []), panel.unit)}${isQuiet(columns[n] ?? []) ? ', always zero' : ''}`);
  return html`<div class="plot" ref=${box} role="img" aria-label=${`Chart. Newest: ${summary.join('; ')}.`}></div>`;
}

/** @param {number[]} times @param {Columns} columns @returns {uPlot.AlignedData} */
function dataOf(times, columns) {
  return /** @type {uPlot.AlignedData} */ ([times, ...columns]);
}

/**
 * @param {Panel} panel
 * @param {HTMLElement} element
 * @param {() => History} history
 * @param {(at: number | null) => void} onCursor
 * @returns {uPlot.Options}
 */
function optionsOf(panel, element, history, onCursor) {
  const style = getComputedStyle(element);
  const token = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: token('muted'), font, grid: { stroke: token('line'), width: 1 }, ticks: { show: false } };
  const isRelative = timeMode.value === 'relative';
  return {
    width: element.clientWidth,
    height: heightOf(panel),
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false }, sync: { key: 'health' }, points: { size: 6 } },
    tzDate: (s) => (timeMode.value === 'utc' ? uPlot.tzDate(new Date(s * 1000), 'Etc/UTC') : new Date(s * 1000)),
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    series: [{}, ...panel.series.map(({ label, colour }, n) => ({ label, stroke: token(colour), width: 1.5, dash: DASHES[n] ?? [] }))],
    axes: [
      { ...axis, size: 28, space: 70, incrs: STEPS_S, ...(isRelative ? { splits: backwards, values: ago } : {}) },
      { ...axis, size: 64, space: panel.isLow ? 20 : 30, values: (_, splits) => splits.map((value) => reading(value, panel.unit)) },
    ],
    hooks: {
      setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)],
      drawClear: [(self) => drawMarks(self, history(), token('muted'))],
    },
  };
}

/**
 * Whole steps back from the newest moment.
 * @param {uPlot} _ @param {number} __ @param {number} minS @param {number} maxS @param {number} stepS
 */
function backwards(_, __, minS, maxS, stepS) {
  return Array.from({ length: Math.floor((maxS - minS) / stepS) + 1 }, (___, at) => maxS - at * stepS).reverse();
}

/** @param {uPlot} _ @param {number[]} splits */
function ago(_, splits) {
  const last = splits.at(-1) ?? 0;
  return splits.map((s) => (s === last ? 'now' : `−${about(last - s)}`));
}

/** @param {uPlot} self @param {History} history @param {string} colour */
function drawMarks({ ctx, bbox, scales, valToPos }, { marks }, colour) {
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { at } of marks) {
    const s = Date.parse(at) / 1000;
    if (!(s >= (scales.x?.min ?? Infinity) && s <= (scales.x?.max ?? 0))) continue;
    const x = Math.round(valToPos(s, 'x', true));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
