// The Live screen's one state, and everything that a person can do to it. Components read `frame` and
// the model, and call these functions; nothing else changes the model but the feed.

import { batch, effect, signal, untracked } from '../vendor/preact.js';

import { createDrawing } from '../lib/draw.js';
import { queryFor } from '../lib/explore.js';
import { fromQuery, toQuery, toText } from '../lib/filter.js';
import { eventsHref, liveHref } from '../lib/route.js';
import { go, route } from '../frame/navigate.js';
import { say } from '../frame/say.js';
import { announcing, liveRate } from '../frame/settings.js';
import { count } from '../frame/text.js';
import { Feed } from './feed.js';
import { Model } from './model.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('../lib/filter.js').Term} Term */

const DRAW_MS = 100;
/** For people who asked for less motion. */
const DRAW_MS_CALM = 500;
const NUMBERS_MS = 250;
const CHART_MS = 1000;
const AWAY_MS = 60_000;
/** Rows a second while nobody looks. */
const AWAY_RATE = 10;
const ANNOUNCE_MS = 10_000;
/** A connection may have been dead for so long before that was noticed. */
const LOSS_MS_MAX = 60_000;

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export const model = new Model();
/** Rises with each drawing; whoever reads it is drawn again. */
export const frame = signal(0);
export const drawing = createDrawing(() => void (frame.value += 1), () => (calm.matches ? DRAW_MS_CALM : DRAW_MS));
/** The same for the numbers, which nobody can read ten times a second. */
export const numbersFrame = signal(0);
const numbers = createDrawing(() => batch(() => {
  // The list with them, unless somebody holds it: the numbers never speak of rows that are not on the screen yet.
  drawing.drawNow();
  numbersFrame.value += 1;
}), () => (calm.matches ? DRAW_MS_CALM : NUMBERS_MS));
/** The same for the chart, which has one point a second. */
export const chartFrame = signal(0);
const chart = createDrawing(() => void (chartFrame.value += 1), () => CHART_MS);
const feed = new Feed(model, () => {
  drawing.invalidate();
  numbers.invalidate();
});

/** Draws at once what a person has just done. */
function drawSoon() {
  drawing.drawSoon();
  numbers.drawSoon();
}

/** @type {import('../vendor/preact.js').Signal<Term[]>} */
export const terms = signal(route.value.screen === 'live' ? fromQuery(route.value.query) : []);
/** Id of the event in the panel. @type {import('../vendor/preact.js').Signal<string | null>} */
export const openId = signal(/** @type {string | null} */ (null));
/** The same event, if it is in the list. @type {import('../vendor/preact.js').Signal<Row | null>} */
export const openRow = signal(/** @type {Row | null} */ (null));
/** Arrival number of the row that has the keyboard, and whether the focus shall follow it. */
export const active = signal({ n: /** @type {number | null} */ (null), focus: false });
/** Rows that the list on the screen grew by at its top, when a person reads on; a new object each time. */
export const grown = signal({ rows: 0 });
/** Rises when the list shall scroll to its top. */
export const toTop = signal(0);

/** Nobody has looked at the page for a while, so a few rows are enough; the counts stay exact. */
const isAway = signal(false);

/** The server's time, as far as we know it. */
export const nowMs = () => Date.now() + model.clockOffsetMs;

/** @param {import('./model.js').PauseReason} reason */
export function pause(reason) {
  if (model.nShown === 0) return; // nothing to read in peace yet
  model.pause(reason);
  drawSoon();
}

/** Goes on, at the newest. */
export function resume() {
  model.resume();
  active.value = { n: null, focus: false };
  toTop.value += 1;
  drawSoon();
}

export const jumpToNewest = resume;

/** Stays paused, and takes the rows that came meanwhile into the list. */
export function readOn() {
  if (!model.isPaused) return;
  const rows = model.readOn();
  batch(() => {
    grown.value = { rows };
    frame.value += 1;
  });
  drawSoon();
}

/** @param {import('./model.js').PauseReason} reason */
export function togglePause(reason) {
  if (model.isPaused) resume();
  else pause(reason);
}

/** Place of a row in the list on the screen, -1 if it is not there. @param {number} n */
export function indexOf(n) {
  const newest = model.row(0);
  const index = newest === undefined ? -1 : newest.n - n;
  return index >= 0 && index < model.nShown ? index : -1;
}

/**
 * Moves the keyboard's row. A list that moves cannot be read with the keyboard, so it pauses.
 * @param {number} step
 */
export function moveActive(step) {
  if (model.nShown === 0) return;
  const from = active.value.n === null ? -1 : indexOf(active.value.n);
  pause('key');
  const index = from === -1 ? 0 : Math.min(model.nShown - 1, Math.max(0, from + step));
  active.value = { n: model.row(index)?.n ?? null, focus: true };
}

/** @param {Row} row @param {{ replace?: boolean }} [options] */
export function open(row, options) {
  pause('open');
  batch(() => {
    active.value = { n: row.n, focus: false };
    openRow.value = row;
    openId.value = row.envelope.id;
  });
  const query = toQuery(terms.value);
  query.set('event', row.envelope.id);
  go(liveHref(query), options);
}

/** Closes the panel; the focus goes back to the row. */
export function closeRow() {
  const row = openRow.value;
  go(liveHref(toQuery(terms.value)));
  if (row !== null) active.value = { n: row.n, focus: true };
}

/** @param {number} step -1 is newer, 1 is older */
export function openNeighbour(step) {
  const row = openRow.value;
  if (row === null) return;
  const neighbour = model.row(indexOf(row.n) + step);
  if (neighbour !== undefined && indexOf(row.n) !== -1) open(neighbour, { replace: true });
}

/** The open event, or the one that has the keyboard. */
export function chosenRow() {
  const { n } = active.value;
  return openRow.value ?? (n === null ? undefined : model.row(indexOf(n)));
}

/**
 * Does what the address says: another filter begins a new list, `event` opens the panel.
 * @param {URLSearchParams} query
 */
function follow(query) {
  const wanted = fromQuery(query);
  if (toText(wanted) !== toText(terms.value)) {
    terms.value = wanted;
    active.value = { n: null, focus: false };
    openId.value = null;
    openRow.value = null;
    feed.start(toQuery(wanted));
  }
  const id = query.get('event');
  if (id === openId.value) return;
  openId.value = id;
  openRow.value = id === null ? null : findRow(id);
  if (openRow.value !== null) pause('open');
}

/** @param {string} id */
function findRow(id) {
  for (let index = 0; index < model.nShown; index += 1) {
    const row = model.row(index);
    if (row?.envelope.id === id) return row;
  }
  return null;
}

/** @param {Term[]} wanted */
export function commitFilter(wanted) {
  go(liveHref(toQuery(wanted)));
}

/** @param {number} ms */
const iso = (ms) => new Date(ms).toISOString();

/** Events, behind the last one that was seen before the outage. */
export function missedHref() {
  const { outage, clockOffsetMs } = model;
  if (outage === null) return eventsHref(new URLSearchParams());
  // The loss was noticed after it began.
  const range = { from: iso(outage.sinceMs + clockOffsetMs - LOSS_MS_MAX), to: iso((outage.untilMs ?? Date.now()) + clockOffsetMs + 1000) };
  return eventsHref(queryFor({ terms: terms.peek(), ...range, after: outage.cursor, order: 'asc' }));
}

/** Events, all that matched since this list began. */
export function notShownHref() {
  return eventsHref(queryFor({ terms: terms.peek(), from: iso(model.beganMs), to: iso(nowMs()) }));
}

export function retry() {
  feed.retryNow();
}

/** Takes away a notice. @param {'outage' | 'gaps' | 'instance'} which */
export function dismiss(which) {
  if (which === 'outage') model.outage = null;
  else if (which === 'gaps') model.gaps = [];
  else model.isNewInstance = false;
  drawSoon();
}

/** Starts feed and clocks, once. */
export function startLive() {
  feed.start(toQuery(terms.value));
  effect(() => {
    const { screen, query } = route.value;
    if (screen === 'live') untracked(() => follow(query));
  });
  effect(() => feed.setRate(isAway.value ? AWAY_RATE : Number(liveRate.value)));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => (isAway.value = true), AWAY_MS);
    else isAway.value = false;
  });
  setInterval(() => {
    feed.tick();
    drawing.invalidate();
    numbers.invalidate();
    chart.invalidate();
  }, 1000);
  announceSummaries();
}

/** Says every ten seconds what has come, if a person wants that. */
function announceSummaries() {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  effect(() => {
    clearInterval(timer);
    if (announcing.value === 'off') return;
    let before = model.nMatched;
    let invalidBefore = model.nInvalid;
    timer = setInterval(() => {
      const nNew = model.nMatched - before;
      const nInvalid = model.nInvalid - invalidBefore;
      [before, invalidBefore] = [model.nMatched, model.nInvalid];
      if (nNew > 0 && !model.isPaused) say(`${count(nNew)} events, ${count(nInvalid)} invalid in the list`, { isVisible: false });
    }, ANNOUNCE_MS);
  });
}
