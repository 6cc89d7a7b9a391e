// Health, /ui/health: one sentence first, then what limits the server now, then how it went.

import { html } from '../vendor/preact.js';

import { about, bytes, reading } from '../lib/amount.js';
import { isQuiet, lagKind } from '../lib/series.js';
import { duration } from '../lib/time.js';
import { second } from '../frame/clock.js';
import { DatabaseDown, NAMES } from '../frame/database.js';
import { Failure } from '../frame/failure.js';
import { route, setParameter } from '../frame/navigate.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { nowMs } from '../live/live.js';
import { Chart } from './chart.js';
import { Lane } from './lane.js';
import { LagGauge, Limits } from './limits.js';
import { usePolled } from './poll.js';

const STATUS_MS = 1000;

/** Ranges and how often their newest point changes. */
const RANGES = /** @type {const} */ ([
  ['5m', '5 min', 1000],
  ['1h', '1 h', 10_000],
  ['24h', '24 h', 60_000],
  ['30d', '30 d', 300_000],
]);

/** @type {import('./chart.js').Panel[]} */
const PANELS = [
  { title: 'Events', unit: 'rate', series: [line('accepted', 'accent'), line('stored', 'ok'), line('invalid', 'bad'), line('dead', 'warn')] },
  { title: 'Waiting for the database', unit: 'count', series: [line('queue_records', 'accent', 'events')] },
  { title: 'Lag', unit: 's', series: [line('lag_s', 'accent', 'age of the oldest that waits')] },
  { title: 'Commit latency', unit: 'us', series: [line('commit_p50_us', 'ok', 'p50'), line('commit_p95_us', 'accent', 'p95'), line('commit_p99_us', 'bad', 'p99')] },
  { title: 'Request latency', unit: 'us', series: [line('request_p50_us', 'ok', 'p50'), line('request_p95_us', 'accent', 'p95'), line('request_p99_us', 'bad', 'p99')] },
  { title: 'Answers', unit: 'rate', series: [line('status_2xx', 'ok', '2xx'), line('status_4xx', 'warn', '4xx'), line('status_5xx', 'bad', '5xx')] },
  { title: 'Events in one commit', unit: 'count', series: [line('batch_records', 'accent', 'mean')] },
  { title: 'Live subscribers', unit: 'count', series: [line('subscribers', 'accent')] },
  { title: 'Size of the log', unit: 'bytes', series: [line('log_bytes', 'accent', 'log')] },
  { title: 'Room on the disk', unit: 'bytes', series: [line('disk_free_bytes', 'accent', 'free')] },
];

/** @param {string} name @param {string} colour a token @param {string} [label] */
function line(name, colour, label = name) {
  return { name, label, colour };
}

/** @typedef {import('./limits.js').Status} Status */
/** @typedef {import('../lib/series.js').History} History */

export function HealthScreen() {
  const wanted = route.value.query.get('range');
  const [range, , everyMs] = RANGES.find(([name]) => name === wanted) ?? RANGES[0];
  const status = /** @type {ReturnType<typeof usePolled<Status>>} */ (usePolled('/status', STATUS_MS, 'The server’s state could not be read.'));
  const past = /** @type {ReturnType<typeof usePolled<History>>} */ (usePolled(`/status/history?range=${range}`, everyMs, 'The history could not be read.'));
  return html`<main class="page health" data-test="health">
    <div class="page-head"><h1 tabindex="-1">Health</h1><${Links} /></div>
    <${Sentence} status=${status.value} failedSinceMs=${status.failedSinceMs} detail=${status.failure?.detail ?? ''} />
    ${status.value?.database?.state === 'down' && status.failure === null && html`<p class="words" data-test="database-down"><${DatabaseDown} database=${status.value.database} nWaiting=${status.value.lag.records} nowMs=${nowMs()} /></p>`}
    ${status.value === null
      ? status.failure !== null && html`<${Failure} facts=${status.failure} onRetry=${status.again} />`
      : html`<${Now} status=${status.value} />`}
    <div class="ranges" role="group" aria-label="Range of the charts">
      ${RANGES.map(([name, word]) => html`<button aria-pressed=${String(name === range)} onClick=${() => setParameter('range', name)} data-test=${`range-${name}`}>${word}</button>`)}
    </div>
    ${past.value === null
      ? past.failure !== null && html`<${Failure} facts=${past.failure} onRetry=${past.again} />`
      : html`<${Past} history=${past.value} isOld=${past.failure !== null} />`}
  </main>`;
}

function Links() {
  return html`<a href="/metrics">/metrics</a> <a href="/status">/status</a>`;
}

/** @param {{ status: Status | null, failedSinceMs: number | null, detail: string }} props */
function Sentence({ status, failedSinceMs, detail }) {
  void second.value;
  let [glyph, kind, text] = ['◐', 'calm', 'Asking the server…'];
  if (failedSinceMs !== null) [glyph, kind, text] = ['✗', 'bad', `No state of the server for ${duration(Date.now() - failedSinceMs)}. ${detail}${status === null ? '' : ' What stands below is from before.'}`];
  else if (status !== null) {
    kind = status.database?.state === 'down' || ['database', 'disk', 'batches'].includes(status.limits.stage) ? 'bad' : lagKind(status.lag.seconds);
    glyph = kind === 'ok' ? '✓' : kind === 'warn' ? '⚠' : '✗';
    text = status.limits.sentence;
  }
  return html`<p class=${`sentence sentence-${kind}`} data-test="sentence"><span aria-hidden="true">${glyph}</span> <${Untrusted} text=${text} /></p>`;
}

/** @param {{ status: Status }} props */
function Now({ status }) {
  const { rates, counts, consumer, disk, log, rate_limited: limited } = status;
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`
    <div class="health-now">
      <section class="card" aria-label="Now">
        <${LagGauge} lag=${status.lag} />
        <dl class="numbers" data-test="numbers">
          ${fact('accepted', reading(rates.accepted_per_s, 'rate'))}
          ${fact('stored', reading(rates.stored_per_s, 'rate'))}
          ${fact('waiting', count(status.lag.records))}
          ${fact('accepted since the start', count(counts.accepted))}
          ${fact('invalid', count(counts.invalid))}
          ${fact('dead', count(counts.dead))}
          ${fact('subscribers', count(status.subscribers))}
          ${fact('connections', count(status.connections))}
          ${fact('over a limit', count(limited.token + limited.address + limited.refusals))}
          ${disk !== null && fact('log', bytes(disk.log_bytes))}
          ${fact('durability', log.durability)}
          ${fact('running for', duration(Math.max(0, nowMs() - Date.parse(status.started_at))))}
          ${status.database != null && fact('database', html`<${DatabaseFact} database=${status.database} />`)}
          ${fact('version', html`<${Untrusted} text=${status.version} />`)}
        </dl>
        ${consumer.reason !== null && html`<p class="bad">The consumer is ${consumer.state}: <${Untrusted} text=${consumer.reason} /></p>`}
      </section>
      <${Limits} status=${status} />
      ${status.batches != null && html`<${Lane} lane=${status.batches} />`}
    </div>
  `;
}

/** @param {{ database: import('../frame/database.js').Database }} props */
function DatabaseFact({ database: { kind, state, since, version } }) {
  const isUp = state === 'up';
  return html`<span class=${isUp ? 'ok' : 'bad'} data-test="database-state"><span aria-hidden="true">${isUp ? '✓' : '✗'}</span> ${isUp ? 'up' : 'down'}</span> ${NAMES.get(kind) ?? html`<${Untrusted} text=${kind} />`}
    ${version !== null && html` <${Untrusted} text=${version} charsMax=${40} />`}${since !== null && html`<span class="line muted">since <${Time} at=${since} nowMs=${nowMs()} /></span>`}`;
}

/** @param {{ history: History, isOld: boolean }} props */
function Past({ history, isOld }) {
  const isEmpty = isQuiet(history.columns.accepted ?? []);
  const stepWords = history.step_s < 60 ? `${history.step_s} s` : about(history.step_s);
  return html`
    ${isOld && html`<p class="warn" data-test="old">The charts stand still: the newest history could not be read.</p>`}
    ${isEmpty && html`<p class="muted" data-test="no-traffic">No event was accepted in this range. Try <code>eyas load --rate 100 --for 10s</code>.</p>`}
    <div class="charts" data-test="charts">
      ${PANELS.map((panel) => html`<${Chart} key=${panel.title} panel=${panel} history=${history} />`)}
    </div>
    <p class="muted">
      One point stands for ${stepWords}. Holes: the server did not run.${history.marks.length > 0 && html` Dashed verticals:
      ${history.marks.slice(-6).map(({ at, what }) => html` <span class="mark-text">${what === 'start' ? 'started' : what === 'stop' ? 'stopped' : what} <${Time} at=${at} nowMs=${nowMs()} /></span>`)}.`}
    </p>
  `;
}
