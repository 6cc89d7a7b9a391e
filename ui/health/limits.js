// What the server does now: how far the database is behind, and which stage is how busy.

import { html } from '../vendor/preact.js';

import { about, bytes, reading } from '../lib/amount.js';
import { lagKind } from '../lib/series.js';
import { count } from '../frame/text.js';

/** Where the gauge ends. */
const LAG_S_MAX = 20;

/** @typedef {{ p50: number, p95: number, p99: number } | null} Percentiles */
/**
 * @typedef {object} Status what `GET /status` answers
 * @property {string} version
 * @property {string} started_at
 * @property {{ durability: string }} log
 * @property {{ records: number, seconds: number }} lag
 * @property {{ accepted_per_s: number, stored_per_s: number }} rates
 * @property {{ accepted: number, invalid: number, dead: number }} counts
 * @property {{ state: string, reason: string | null }} consumer
 * @property {import('../frame/database.js').Database | null} [database]
 * @property {import('./lane.js').LaneStatus | null} [batches] null where no table takes batches
 * @property {number} subscribers
 * @property {number} connections
 * @property {{ token: number, address: number, refusals: number }} rate_limited answers 429
 * @property {{ stage: string, sentence: string, drain_s: number | null, busy: { [stage: string]: number } }} limits
 * @property {{ free_bytes: number, total_bytes: number, log_bytes: number, seconds_left: number | null } | null} disk
 * @property {{ commit_us: Percentiles, request_us: Percentiles, apply_us: Percentiles }} latency
 */

/** @type {Map<string, string>} */
const LAG_WORDS = new Map([['ok', '✓ in time'], ['warn', '⚠ behind'], ['bad', '✗ far behind']]);

/** @param {{ lag: Status['lag'] }} props */
export function LagGauge({ lag: { records, seconds } }) {
  const kind = lagKind(seconds);
  const text = `${reading(seconds, 's')}, ${LAG_WORDS.get(kind)}`;
  // The scale is bent, so that the first second has room.
  const share = (/** @type {number} */ s) => `${Math.sqrt(Math.min(s, LAG_S_MAX) / LAG_S_MAX) * 100}%`;
  return html`<div class="gauge">
    <div class="gauge-text"><span class="muted">Lag</span> <b class=${kind}>${text}</b></div>
    <div class="gauge-bar" role="meter" aria-label="Lag of the database in seconds" aria-valuemin="0" aria-valuemax=${LAG_S_MAX}
      aria-valuenow=${Math.min(seconds, LAG_S_MAX)} aria-valuetext=${`${text}, ${count(records)} events wait`} data-test="gauge">
      <span class=${`gauge-fill gauge-${kind}`} style=${{ width: share(seconds) }}></span>
      <span class="gauge-mark" style=${{ left: share(1) }}></span>
      <span class="gauge-mark" style=${{ left: share(10) }}></span>
    </div>
    <div class="gauge-scale muted" aria-hidden="true"><span style=${{ left: share(1) }}>1 s</span><span style=${{ left: share(10) }}>10 s</span></div>
  </div>`;
}

/** Stage, what it does, which of the three latencies is its own. @type {[string, string, string, 'request_us' | 'commit_us' | 'apply_us' | null][]} */
const STAGES = [
  ['accept', 'Requests', 'reading, checking and answering', 'request_us'],
  ['fsync', 'Log', 'writing and fsync', 'commit_us'],
  ['apply', 'Database', 'one transaction after the other', 'apply_us'],
  ['push', 'Live', 'encoding for subscribers', null],
];

/** The stage that limits is marked by a word. @param {{ status: Status }} props */
export function Limits({ status: { limits, latency, disk } }) {
  const isLimit = (/** @type {string} */ stage) => limits.stage === stage || (stage === 'apply' && limits.stage === 'database');
  return html`<section class="card" aria-label="What limits the server now">
    <table class="limits" data-test="limits">
      <caption>What limits you now${limits.drain_s !== null && html` <span class="muted">the queue is empty in about ${about(limits.drain_s)}</span>`}</caption>
      <thead><tr><th scope="col">Stage</th><th scope="col">Busy</th><th scope="col">p50 / p99</th></tr></thead>
      <tbody>
        ${STAGES.map(([stage, name, what, measured]) => {
          const share = limits.busy[stage] ?? 0;
          const times = measured === null ? null : latency[measured];
          return html`<tr class=${isLimit(stage) ? 'is-limit' : ''} data-test=${`stage-${stage}`}>
            <th scope="row">${name} ${isLimit(stage) && html`<b class="limit-word">limits</b>`}<span class="stage-what">${what}</span></th>
            <td><span class="busy"><span class="busy-bar" aria-hidden="true"><span style=${{ width: `${Math.min(1, share) * 100}%` }}></span></span>${Math.round(share * 100)} %</span></td>
            <td>${times === null ? '–' : `${reading(times.p50, 'us')} / ${reading(times.p99, 'us')}`}</td>
          </tr>`;
        })}
        <tr class=${isLimit('disk') ? 'is-limit' : ''} data-test="stage-disk">
          <th scope="row">Disk ${isLimit('disk') && html`<b class="limit-word">limits</b>`}<span class="stage-what">${disk === null ? 'the system does not say' : `${bytes(disk.free_bytes)} of ${bytes(disk.total_bytes)} free`}</span></th>
          <td colspan="2">${disk?.seconds_left == null ? 'enough at this rate' : `full in about ${about(disk.seconds_left)}`}</td>
        </tr>
      </tbody>
    </table>
  </section>`;
}
