// A chart on a canvas: lines, or bars that stand on each other, over time.
//
// The colours are read from the page's tokens, and each line has a dash of its own, so that none is told
// by colour alone. What was not measured is a hole. What a chart says is text somewhere else, too:
// a canvas says nothing to a screen reader.

import { html, signal, useLayoutEffect, useRef, useState } from '../vendor/preact.js';

import { reading } from '../lib/amount.js';
import { timeTicks, valueTicks } from '../lib/axis.js';
import { theme, timeMode } from './settings.js';

/** @type {number[][]} */
export const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]];
/** Room around the plot for what is written at the axes. */
const EDGE = { top: 6, right: 10, bottom: 22, left: 64 };
/** Room that a time, and that a value, wants on its axis. */
const TIME_PX = 76;
const VALUE_PX = 26;
/** A shorter stroke is a click. */
const BRUSH_PX_MIN = 4;

/** @typedef {import('../lib/amount.js').Unit} Unit */
/** @typedef {{ label: string, colour: string, values: (number | null)[] }} Series `colour` is a token */
/**
 * @typedef {object} Plotted
 * @property {number[]} times in seconds, evenly apart
 * @property {number} stepS
 * @property {Series[]} series
 * @property {Unit} unit
 * @property {boolean} [isBars] bars on each other; each begins at its time and is one step wide
 * @property {number[]} [marksS] vertical lines
 * @property {'local' | 'utc'} [clock] of the time axis, where it does not end now
 */

/** The moment under the mouse, in seconds; all charts of a screen show it. @type {import('../vendor/preact.js').Signal<number | null>} */
export const pointedS = signal(/** @type {number | null} */ (null));

/** Which of the points the mouse means, -1 for none of them. @param {Plotted} plotted */
export function pointed({ times, stepS, isBars }) {
  const s = pointedS.value;
  if (s === null || times.length === 0) return -1;
  const at = (s - Number(times[0])) / stepS;
  const index = isBars ? Math.floor(at) : Math.round(at);
  return index >= 0 && index < times.length ? index : -1;
}

/** @param {Plotted} plotted */
function span({ times, stepS, isBars }) {
  const fromS = times[0] ?? 0;
  const toS = (times.at(-1) ?? 0) + (isBars ? stepS : 0);
  return { fromS, toS: toS > fromS ? toS : fromS + stepS };
}

/**
 * @param {{ plotted: Plotted, heightPx: number, label: string, onBrush?: (fromS: number, toS: number) => void }} props
 *   `onBrush` is told the range that was drawn with the mouse, widened to whole steps
 */
export function Plot({ plotted, heightPx, label, onBrush }) {
  /** @type {{ current: HTMLCanvasElement | null }} */
  const canvas = useRef(null);
  const newest = useRef(plotted);
  newest.current = plotted;
  const [brush, setBrush] = useState(/** @type {{ fromPx: number, toPx: number } | null} */ (null));
  useLayoutEffect(() => {
    const redraw = () => canvas.current !== null && draw(canvas.current, newest.current);
    const observer = new ResizeObserver(redraw);
    if (canvas.current !== null) observer.observe(canvas.current);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', redraw);
    return () => {
      scheme.removeEventListener('change', redraw);
      observer.disconnect();
      pointedS.value = null;
    };
  }, []);
  useLayoutEffect(() => {
    if (canvas.current !== null) draw(canvas.current, plotted);
  }, [plotted, heightPx, theme.value, timeMode.value]);

  /** @param {number} px */
  const secondAt = (px) => {
    const { fromS, toS } = span(plotted);
    const share = (px - EDGE.left) / Math.max(1, (canvas.current?.clientWidth ?? 0) - EDGE.left - EDGE.right);
    return fromS + Math.min(1, Math.max(0, share)) * (toS - fromS);
  };
  /** @param {PointerEvent} event */
  const onMove = ({ offsetX }) => {
    pointedS.value = secondAt(offsetX);
    if (brush !== null) setBrush({ ...brush, toPx: offsetX });
  };
  /** @param {PointerEvent} event */
  const onDown = (event) => {
    if (onBrush === undefined || !event.isPrimary || event.button !== 0) return;
    canvas.current?.setPointerCapture(event.pointerId);
    setBrush({ fromPx: event.offsetX, toPx: event.offsetX });
  };
  const onUp = () => {
    setBrush(null);
    if (brush === null || Math.abs(brush.toPx - brush.fromPx) < BRUSH_PX_MIN) return;
    const { fromS } = span(plotted);
    const steps = [brush.fromPx, brush.toPx].map((px) => (secondAt(px) - fromS) / plotted.stepS).sort((a, b) => a - b);
    const from = Math.floor(Number(steps[0]));
    onBrush?.(fromS + from * plotted.stepS, fromS + Math.max(from + 1, Math.ceil(Number(steps[1]))) * plotted.stepS);
  };
  return html`<div class="plot" role="img" aria-label=${label}>
    <canvas class=${onBrush === undefined ? '' : 'plot-brushed'} style=${{ height: `${heightPx}px` }} ref=${canvas} onPointerMove=${onMove} onPointerDown=${onDown} onPointerUp=${onUp}
      onPointerCancel=${() => setBrush(null)} onPointerLeave=${() => (pointedS.value = null)}></canvas>
    <${Cursor} plotted=${plotted} canvas=${canvas} />
    ${brush !== null && html`<span class="plot-brush" style=${{ left: `${Math.min(brush.fromPx, brush.toPx)}px`, width: `${Math.abs(brush.toPx - brush.fromPx)}px` }}></span>`}
  </div>`;
}

/** A line of its own, so that moving the mouse draws no chart again. @param {{ plotted: Plotted, canvas: { current: HTMLCanvasElement | null } }} props */
function Cursor({ plotted, canvas }) {
  const at = pointed(plotted);
  const widthPx = canvas.current?.clientWidth ?? 0;
  if (at === -1 || widthPx === 0) return null;
  const { fromS, toS } = span(plotted);
  const middleS = Number(plotted.times[at]) + (plotted.isBars ? plotted.stepS / 2 : 0);
  return html`<span class="plot-cursor" style=${{ left: `${EDGE.left + ((middleS - fromS) / (toS - fromS)) * (widthPx - EDGE.left - EDGE.right)}px` }}></span>`;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Plotted} plotted
 */
function draw(canvas, plotted) {
  const ctx = canvas.getContext('2d');
  const { clientWidth: width, clientHeight: height } = canvas;
  if (ctx === null || width === 0) return;
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  ctx.scale(devicePixelRatio, devicePixelRatio);
  const style = getComputedStyle(canvas);
  const colour = (/** @type {string} */ token) => style.getPropertyValue(`--${token}`).trim();
  const { fromS, toS } = span(plotted);
  const highest = Math.max(0, ...(plotted.isBars ? totals(plotted) : plotted.series.flatMap(({ values }) => values.map(Number))));
  const top = highest > 0 ? highest * 1.1 : 1;
  const bottomPx = height - EDGE.bottom;
  const x = (/** @type {number} */ s) => EDGE.left + ((s - fromS) / (toS - fromS)) * (width - EDGE.left - EDGE.right);
  const y = (/** @type {number} */ value) => bottomPx - (value / top) * (bottomPx - EDGE.top);

  ctx.font = `12px ${style.fontFamily}`;
  ctx.fillStyle = colour('muted');
  ctx.strokeStyle = colour('line');
  ctx.textAlign = 'center';
  ctx.textBaseline = 'alphabetic';
  const mode = plotted.clock ?? (plotted.isBars && timeMode.value === 'relative' ? 'local' : timeMode.value);
  for (const { s, text } of timeTicks(fromS, toS, Math.floor(width / TIME_PX), mode)) {
    stroke(ctx, [[x(s), EDGE.top], [x(s), bottomPx]]);
    const half = ctx.measureText(text).width / 2;
    ctx.fillText(text, Math.min(x(s), width - half), height - 6);
  }
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  for (const value of valueTicks(top, (bottomPx - EDGE.top) / VALUE_PX, plotted.unit === 'count' ? 1 : 0)) {
    stroke(ctx, [[EDGE.left, y(value)], [width - EDGE.right, y(value)]]);
    ctx.fillText(reading(value, plotted.unit), EDGE.left - 8, y(value));
  }
  ctx.strokeStyle = colour('muted');
  ctx.setLineDash([4, 3]);
  for (const s of plotted.marksS ?? []) if (s >= fromS && s <= toS) stroke(ctx, [[x(s), EDGE.top], [x(s), bottomPx]]);
  if (plotted.isBars) drawBars(ctx, plotted, x, y, colour);
  else drawLines(ctx, plotted, x, y, colour);
}

/** Heights of whole bars. @param {Plotted} plotted */
function totals({ times, series }) {
  return times.map((_, at) => series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0));
}

/** A thin line on whole pixels is sharp. @param {CanvasRenderingContext2D} ctx @param {[[number, number], [number, number]]} ends */
function stroke(ctx, [[x1, y1], [x2, y2]]) {
  ctx.beginPath();
  ctx.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  ctx.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
  ctx.stroke();
}

/** @typedef {(value: number) => number} Scale */

/** @param {CanvasRenderingContext2D} ctx @param {Plotted} plotted @param {Scale} x @param {Scale} y @param {(token: string) => string} colour */
function drawLines(ctx, { times, series }, x, y, colour) {
  ctx.lineWidth = 1.5;
  ctx.lineJoin = 'round';
  for (const [n, { colour: token, values }] of series.entries()) {
    ctx.strokeStyle = ctx.fillStyle = colour(token);
    ctx.setLineDash(DASHES[n] ?? []);
    ctx.beginPath();
    for (const [at, s] of times.entries()) {
      const value = values[at] ?? null;
      if (value === null) continue;
      const hasBefore = (values[at - 1] ?? null) !== null;
      if (hasBefore) ctx.lineTo(x(s), y(value));
      else ctx.moveTo(x(s), y(value));
      // Between two holes there is no line, but there is a point.
      if (!hasBefore && (values[at + 1] ?? null) === null) ctx.fillRect(x(s) - 1.5, y(value) - 1.5, 3, 3);
    }
    ctx.stroke();
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Plotted} plotted @param {Scale} x @param {Scale} y @param {(token: string) => string} colour */
function drawBars(ctx, { times, stepS, series }, x, y, colour) {
  for (const [at, s] of times.entries()) {
    const [left, right] = [Math.round(x(s)), Math.round(x(s + stepS))];
    let below = 0;
    for (const { colour: token, values } of series) {
      const value = values[at] ?? 0;
      if (value === 0) continue;
      ctx.fillStyle = colour(token);
      // However few they are, they are seen.
      const heightPx = Math.max(2, y(below) - y(below + value));
      ctx.fillRect(left, y(below) - heightPx, Math.max(1, right - left - 1), heightPx);
      below += value;
    }
  }
}
