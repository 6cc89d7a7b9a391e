// The rows of an answer, as a table, as the text that came, or as lines over time. Values stand as they were written.

import { html, useEffect, useMemo, useState } from '../vendor/preact.js';

import { barsOf, chartOf, csvOf, isNumber, shownCell } from '../lib/query.js';
import { save } from '../frame/download.js';
import { copy, say } from '../frame/say.js';
import { Plot } from '../frame/plot.js';
import { timeMode } from '../frame/settings.js';
import { count, Untrusted } from '../frame/text.js';

/** Rows drawn at once, and characters of the text. */
const ROWS = 200;
const CHARS = 100_000;
const COLOURS = ['accent', 'ok', 'warn', 'bad'];

/** @typedef {import('../lib/query.js').Answer} Answer */

/** @param {{ answer: Answer, text: string, ms: number, truncated?: boolean, hasFile?: boolean }} props `text` is the answer as it came; `hasFile` where no address gives it as one */
export function AnswerBox({ answer, text, ms, truncated = false, hasFile = false }) {
  const [view, setView] = useState('Table');
  const chart = useMemo(() => chartOf(answer), [answer]);
  const bars = useMemo(() => barsOf(answer), [answer]);
  const views = ['Table', 'JSON', ...(chart === null && bars === null ? [] : ['Chart'])];
  const shown = views.includes(view) ? view : 'Table';
  const n = answer.rows.length;
  const rows = `${count(n)} ${n === 1 ? 'row' : 'rows'}`;
  useEffect(() => say(rows, { isVisible: false }), [answer]);
  return html`<section aria-label="Answer" data-test="answer">
    <p class="actions">
      <span data-test="answer-facts">${rows} · ${Math.round(ms * 10) / 10} ms${truncated && html` · <span class="warn">⚠ cut: there are more</span>`}</span>
      <span class="actions" role="group" aria-label="Shown as">${views.map((name) => html`<button aria-pressed=${String(name === shown)} onClick=${() => setView(name)} data-test=${`as-${name.toLowerCase()}`}>${name}</button>`)}</span>
      <button onClick=${() => copy(text, 'The answer')}>Copy</button>
      ${hasFile && html`<button onClick=${() => save(csvOf(answer), 'text/csv', 'eyas-query.csv')} data-test="save-csv">Save CSV</button>`}
    </p>
    ${shown === 'JSON' ? html`<div class="answer" tabindex="0" role="region" aria-label="The answer as JSON"><pre data-test="answer-text"><${Untrusted} text=${text} charsMax=${CHARS} layout /></pre></div>`
      : shown === 'Chart' && chart !== null ? html`<${Lines} chart=${chart} />`
      : shown === 'Chart' && bars !== null ? html`<${Bars} bars=${bars} />`
      : n === 0 ? html`<p class="muted" data-test="no-rows">No row.</p>` : html`<${Rows} answer=${answer} />`}
  </section>`;
}

/** @param {{ answer: Answer }} props */
function Rows({ answer: { columns, rows } }) {
  const [nMax, setMax] = useState(ROWS);
  const classes = columns.map((_, at) => (rows.slice(0, ROWS).some((cells) => isNumber(cells[at] ?? '')) ? 'number' : ''));
  return html`<div class="answer" tabindex="0" role="region" aria-label="The answer as a table"><table data-test="answer-table">
      <thead><tr>${columns.map((name, at) => html`<th scope="col" class=${classes[at]}><${Untrusted} text=${name} charsMax=${80} /></th>`)}</tr></thead>
      <tbody>${rows.slice(0, nMax).map((cells) => html`<tr data-test="answer-row">${cells.map((cell, at) => html`<td class=${classes[at]}><${Cell} cell=${cell} /></td>`)}</tr>`)}</tbody>
    </table></div>
    ${rows.length > nMax && html`<p class="actions"><button onClick=${() => setMax(nMax + 5 * ROWS)} data-test="more-rows">Show more, ${count(rows.length - nMax)} rows are left</button></p>`}`;
}

/** @param {{ cell: string }} props */
function Cell({ cell }) {
  return cell === 'null' ? html`<span class="none">null</span>` : html`<${Untrusted} text=${shownCell(cell)} charsMax=${500} />`;
}

/** @param {{ bars: NonNullable<ReturnType<typeof barsOf>> }} props */
function Bars({ bars }) {
  return html`<ul class="bars" data-test="answer-bars">${bars.map(({ label, value, share }) => html`<li>
    <${Untrusted} text=${label} charsMax=${80} /><span class="bar" aria-hidden="true"><span style=${{ width: `${share * 100}%` }}></span></span><b>${value}</b>
  </li>`)}</ul>`;
}

/** @param {{ chart: NonNullable<ReturnType<typeof chartOf>> }} props */
function Lines({ chart: { times, stepS, isDays, lines } }) {
  const series = lines.map(({ label, values }, at) => ({ label, values, colour: COLOURS[at] ?? 'accent' }));
  // Days have no zone.
  const clock = isDays || timeMode.value === 'utc' ? 'utc' : 'local';
  return html`<div data-test="answer-chart">
    <ul class="chart-legend">${series.map(({ label, colour }) => html`<li><span class=${colour} aria-hidden="true">━</span> <${Untrusted} text=${label} charsMax=${60} /></li>`)}</ul>
    <${Plot} plotted=${{ times, stepS, unit: 'value', series, clock }} heightPx=${260} label=${`${series.length === 1 ? 'A line' : `${series.length} lines`} over ${times.length} moments; the table has the numbers.`} />
  </div>`;
}
