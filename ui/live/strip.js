// The strip above the list: what arrives a second, how far behind the database is, and four numbers
// that add up: received ≥ matched = shown + not shown.

import { html } from '../vendor/preact.js';

import { Chart } from '../health/chart.js';
import { LagGauge } from '../health/limits.js';
import { liveRate } from '../frame/settings.js';
import { count } from '../frame/text.js';
import { chartFrame, model, notShownHref, nowMs, numbersFrame } from './live.js';

/** @type {import('../health/chart.js').Panel} */
const PANEL = {
  title: 'Events a second',
  unit: 'rate',
  isLow: true,
  series: [
    { name: 'accepted', label: 'accepted', colour: 'accent' },
    { name: 'stored', label: 'stored', colour: 'ok' },
    { name: 'invalid', label: 'invalid', colour: 'bad' },
  ],
};

export function Strip() {
  return html`<div class="strip">
    <${ArrivalChart} />
    <div class="strip-side">
      <${Numbers} />
      <${Lag} />
    </div>
  </div>`;
}

function ArrivalChart() {
  void chartFrame.value;
  return html`<${Chart} panel=${PANEL} history=${model.rates.history(nowMs())} />`;
}

function Lag() {
  void numbersFrame.value;
  const { stats } = model;
  return stats === null ? null : html`<${LagGauge} lag=${{ records: stats.lag_records, seconds: stats.lag_s }} />`;
}

function Numbers() {
  void numbersFrame.value;
  const fact = (/** @type {string} */ name, /** @type {string} */ test, /** @type {number} */ value, /** @type {string} */ title) => html`<div title=${title}>
    <dt>${name}</dt><dd data-test=${test}>${count(value)}</dd>
  </div>`;
  const { nSampledOut, nWaiting, nPushedOut } = model;
  const parts = [
    { test: 'sampled-out', n: nSampledOut, why: `left out of the server’s sample of ${count(Number(liveRate.value))} a second` },
    { test: 'waiting', n: nWaiting, why: 'not drawn while paused' },
    { test: 'pushed-out', n: nPushedOut, why: 'pushed out of this page’s buffer' },
  ].filter(({ n }) => n > 0);
  return html`
    <dl class="numbers" aria-label="Counters" data-test="counters">
      ${fact('received', 'received', model.nReceived, 'What the server took in since this list began, and the rows it began with')}
      ${fact('matched', 'matched', model.nMatched, 'Those that match the filter, counted by the server')}
      ${fact('shown', 'shown', model.nShown, 'Rows in the list, also those further down')}
      ${fact('not shown', 'not-shown', model.nNotShown, 'Matched, but not in the list. Not shown is not lost: all of them are stored')}
    </dl>
    <div class="split">
      <p class="muted" data-test="why-not-shown">
        ${parts.length === 0
          ? 'Every event that matches is in the list.'
          : html`Not shown is not lost, all are stored: ${parts.map(({ test, n, why }, at) => html`${at > 0 ? ', ' : ''}<b data-test=${test}>${count(n)}</b> ${why}`)}. <a href=${notShownHref()} data-test="see-in-events">See them in Events</a>`}
      </p>
      <label class="check rate"><input type="checkbox" checked=${liveRate.value === '5000'} data-test="full-rate"
        onChange=${() => (liveRate.value = liveRate.value === '5000' ? '500' : '5000')} />
        Full rate</label>
    </div>
  `;
}
