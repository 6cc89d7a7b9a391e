// What a person must know about the list: an outage and what was missed, a gap, another server, a
// clock that is off, a pause. Nothing here covers a row or takes the focus.

import { html } from '../vendor/preact.js';

import { duration } from '../lib/time.js';
import { usePolled } from '../health/poll.js';
import { DatabaseDown } from '../frame/database.js';
import { count, Untrusted } from '../frame/text.js';
import { dismiss, frame, missedHref, model, nowMs, numbersFrame, readOn, resume, retry } from './live.js';

/** A loss that lasts longer is said aloud. */
const ALERT_MS = 5000;
/** Clocks that differ by less are equal for a reader. */
const CLOCK_MS = 2000;
/** Only then is it asked whether the database is there. */
const LAG_S_MAX = 2;
const DATABASE_MS = 2000;

export function Notices() {
  void frame.value;
  return html`<div class="notices">
    <${OutageNotice} />
    ${(model.stats?.lag_s ?? 0) > LAG_S_MAX && html`<${DatabaseNotice} />`}
    ${model.connection === 'polling' &&
    html`<${Notice} kind="warn" test="polling">
      Your proxy closes WebSockets: showing polled updates, every 2 s. <button class="link" onClick=${retry}>Try again</button>
    <//>`}
    ${model.gaps.length > 0 &&
    html`<${Notice} kind="bad" test="gap" onClose=${() => dismiss('gaps')}>
      ${model.gaps.map((gap) => html`<p><${GapText} gap=${gap} /></p>`)}
    <//>`}
    ${model.isNewInstance &&
    html`<${Notice} kind="warn" test="instance" onClose=${() => dismiss('instance')}>
      The server now works on another data directory, so this list began anew.
    <//>`}
    ${Math.abs(model.clockOffsetMs) > CLOCK_MS &&
    html`<${Notice} kind="warn" test="clock">
      This computer’s clock is ${duration(Math.abs(model.clockOffsetMs))} ${model.clockOffsetMs > 0 ? 'behind' : 'ahead of'} the
      server’s. Relative times here follow the server.
    <//>`}
  </div>`;
}

/** @param {{ kind: string, test: string, onClose?: () => void, children?: any }} props */
function Notice({ kind, test, onClose, children }) {
  return html`<div class=${`notice notice-${kind}`} data-test=${test}>
    <div class="notice-text">${children}</div>
    ${onClose !== undefined && html`<button class="quiet" onClick=${onClose} aria-label="Dismiss">×</button>`}
  </div>`;
}

/** Rows that stay … have a reason. */
function DatabaseNotice() {
  /** @type {import('../health/poll.js').Polled<{ database?: import('../frame/database.js').Database | null, lag: { records: number } }>} */
  const { value } = usePolled('/status', DATABASE_MS, '');
  if (value?.database?.state !== 'down') return null;
  return html`<${Notice} kind="warn" test="database-down"><p><${DatabaseDown} database=${value.database} nWaiting=${value.lag.records} nowMs=${nowMs()} /></p><//>`;
}

/** "Offline 41 s · missed 8,213 · caught up" */
function OutageNotice() {
  const { outage } = model;
  if (outage === null) return html`<div role="alert"></div>`;
  const lastedMs = (outage.untilMs ?? Date.now()) - outage.sinceMs;
  const isBack = model.connection !== 'offline';
  const missed = isBack || outage.missed > 0 ? ` · missed ${count(outage.missed)}` : '';
  const end = outage.done ? ' · caught up' : isBack ? ' · catching up' : '';
  return html`
    <div role="alert" class="visually-hidden">${!isBack && lastedMs > ALERT_MS ? 'The connection is lost.' : ''}</div>
    <${Notice} kind=${outage.done ? 'ok' : 'warn'} test="outage" onClose=${outage.done ? () => dismiss('outage') : undefined}>
      ${`Offline ${duration(lastedMs)}${missed}${end}`}
      ${!isBack && html` <button class="link" onClick=${retry}>Retry now</button>`}
      ${outage.done && outage.missed > 0 && html` <a href=${missedHref()} data-test="missed-range">Open the missed range in Events</a>`}
    <//>
  `;
}

/** @param {{ gap: import('./model.js').Gap }} props */
function GapText({ gap }) {
  /** @type {Map<string, string>} */
  const reasons = new Map([
    ['trimmed', 'they are no longer kept'],
    ['retention', 'some of them were deleted by age'],
    ['other_log', 'the server has another log now'],
    ['ahead_of_log', 'the server’s log ends before them'],
  ]);
  const why = reasons.get(gap.why) ?? gap.why;
  const [from, to] = [gap.from, gap.to].map((text) => html`<${Untrusted} text=${text} />`);
  const reason = html`<${Untrusted} text=${why} />`;
  return html`Cannot resume without a gap: events behind ${from} up to ${to} are not shown, because ${reason}.`;
}

/** @type {Map<string, string>} */
const REASONS = new Map([
  ['button', 'Paused'],
  ['key', 'Paused by key'],
  ['scroll', 'Paused, because you scrolled'],
  ['selection', 'Paused, because you selected text'],
  ['open', 'Paused, because a row was opened'],
]);

/** Stands below the list, so that no row moves or is covered when it comes. */
export function PauseNotice() {
  void numbersFrame.value;
  if (!model.isPaused) return null;
  const { nWaiting } = model;
  return html`<div class="paused" data-test="paused">
    <span>${REASONS.get(model.pausedBy ?? '')} · <b>+${count(model.nSincePause)}</b> since pause</span>
    <button class="primary" onClick=${resume} title="Jump to the newest (key .)">Resume</button>
    <button onClick=${readOn} disabled=${nWaiting === 0} data-test="read-on"
      title="Stay paused, and scroll up through what came meanwhile">Read on${nWaiting > 0 ? `, ${count(nWaiting)} rows` : ''}</button>
  </div>`;
}
