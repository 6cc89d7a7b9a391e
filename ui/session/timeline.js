// The parts of a session's page that draw time: the vertical line of events, the sparkline, the
// categories that can be switched off.

import { html } from '../vendor/preact.js';

import { hue } from '../lib/hue.js';
import { dataText } from '../lib/raw-json.js';
import { eventHref } from '../lib/route.js';
import { clock, duration, exact } from '../lib/time.js';
import { elapsed, spark } from '../lib/timeline.js';
import { setParameter } from '../frame/navigate.js';
import { timeMode } from '../frame/settings.js';
import { count, Untrusted } from '../frame/text.js';
import { nowMs } from '../live/live.js';

/** A pause in the session that is worth a line of its own. */
const GAP_MS_MIN = 10_000;
const PREVIEW_CHARS = 160;
const SPARK_PARTS = 80;
const SPARK_HEIGHT = 32;

/** @typedef {import('../lib/timeline.js').Moment} Moment */

/** @param {{ list: Moment[], isElapsed: boolean }} props */
export function Timeline({ list, isElapsed }) {
  // "20 min ago" would tell nothing about the order of seconds.
  const mode = timeMode.value === 'utc' ? 'utc' : 'local';
  const now = nowMs();
  return html`<ol class="timeline" aria-label="Events in the order in which they happened" data-test="timeline">
    ${list.map((moment, at) => html`<${Entry} key=${moment.event.envelope.seq} moment=${moment} isElapsed=${isElapsed} isFirst=${at === 0} now=${now} mode=${mode} />`)}
  </ol>`;
}

/** @param {{ moment: Moment, isElapsed: boolean, isFirst: boolean, now: number, mode: 'utc' | 'local' }} props */
function Entry({ moment: { event, at, elapsedMs, gapMs, isMoved }, isElapsed, isFirst, now, mode }) {
  const { envelope } = event;
  const { id, stream, category, name, valid, errors } = envelope;
  return html`<li class=${`entry${valid ? '' : ' entry-invalid'}`} style=${{ '--hue': hue(category ?? '') }} data-test="entry" data-seq=${envelope.seq}>
    ${!isFirst && gapMs >= GAP_MS_MIN && html`<div class="gap" data-test="gap">${duration(gapMs)}</div>`}
    <div class="entry-line">
      <span class="entry-time"><time datetime=${at} title=${exact(at)}>${isElapsed ? elapsed(elapsedMs) : clock(at, mode, now)}</time></span>
      <span class="entry-dot" aria-hidden="true"></span>
      <span class="entry-what">
        ${category !== null && html`<span class="muted"><${Untrusted} text=${category} /> / </span>`}
        <a href=${eventHref(id, stream === 'events' ? null : stream)}><${Untrusted} text=${name ?? id} /></a>
        ${isMoved && html` <span class="warn" title="It did not arrive in the order in which things happened."><span aria-hidden="true">↕</span> out of order</span>`}
        ${!valid && html` <span class="bad"><span aria-hidden="true">✗</span> invalid${errors[0]?.message !== undefined && html`: <${Untrusted} text=${errors[0].message} charsMax=${200} />`}</span>`}
      </span>
      <code class="entry-data"><${Untrusted} text=${dataText(event, PREVIEW_CHARS + 1)} charsMax=${PREVIEW_CHARS} layout /></code>
    </div>
  </li>`;
}

/** @param {{ legend: [string, number][], hidden: Set<string> }} props */
export function Legend({ legend, hidden }) {
  /** @param {string} category */
  const toggle = (category) => {
    const next = new Set(hidden);
    if (!next.delete(category)) next.add(category);
    setParameter('hide', ...next);
  };
  return html`<div class="legend" role="group" aria-label="Categories that are shown">
    ${legend.map(
      ([category, n]) => html`<button class="legend-item" style=${{ '--hue': hue(category) }} aria-pressed=${String(!hidden.has(category))}
        onClick=${() => toggle(category)} data-test="category">
        <span class="legend-dot" aria-hidden="true"></span>
        ${category === '' ? html`<i>none</i>` : html`<${Untrusted} text=${category} charsMax=${60} />`} <span class="muted">${count(n)}</span>
      </button>`,
    )}
  </div>`;
}

/** How dense the session was; the same numbers stand above it as text. @param {{ list: Moment[] }} props */
export function Spark({ list }) {
  if (list.length < 3) return null;
  const parts = spark(list, SPARK_PARTS);
  const highest = Math.max(1, ...parts.map(({ valid, invalid }) => valid + invalid));
  const nFull = parts.filter(({ valid, invalid }) => valid + invalid > 0).length;
  const bar = (/** @type {number} */ n) => (n / highest) * SPARK_HEIGHT;
  return html`<svg class="spark" viewBox=${`0 0 ${SPARK_PARTS} ${SPARK_HEIGHT}`} preserveAspectRatio="none" role="img"
    aria-label=${`Events over time: at most ${count(highest)} in one of ${SPARK_PARTS} equal parts, ${SPARK_PARTS - nFull} parts without any.`}>
    ${parts.map(({ valid, invalid }, at) => html`
      ${valid > 0 && html`<rect class="spark-valid" x=${at} y=${SPARK_HEIGHT - bar(valid)} width="0.8" height=${bar(valid)} />`}
      ${invalid > 0 && html`<rect class="spark-invalid" x=${at} y=${SPARK_HEIGHT - bar(valid + invalid)} width="0.8" height=${bar(invalid)} />`}
    `)}
  </svg>`;
}
