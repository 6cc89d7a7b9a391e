// Where the lines of a chart's axes stand, and what is written at them. Pure.

import { parts } from './time.js';

/** Widths of a step on the time axis, in seconds. */
const STEPS_S = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000];
const DAY_S = 86_400;

/** @typedef {import('./time.js').TimeMode} TimeMode */
/** @typedef {{ s: number, text: string }} Tick */

/**
 * 0 and round numbers above it.
 * @param {number} max above 0
 * @param {number} nMax about how many lines have room
 * @param {number} [stepMin] 1 where there are no halves
 * @returns {number[]}
 */
export function valueTicks(max, nMax, stepMin = 0) {
  const rough = max / Math.max(1, nMax);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(stepMin, power * ([1, 2, 5].find((n) => n * power >= rough) ?? 10));
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, n) => n * step);
}

/**
 * Round moments between two others, by the clock of the mode; relative to the later one in that mode.
 * @param {number} fromS
 * @param {number} toS
 * @param {number} nMax
 * @param {TimeMode} mode
 * @returns {Tick[]}
 */
export function timeTicks(fromS, toS, nMax, mode) {
  const stepS = STEPS_S.find((s) => (toS - fromS) / s <= nMax) ?? Math.ceil((toS - fromS) / Math.max(1, nMax));
  /** @type {Tick[]} */
  const ticks = [];
  if (mode === 'relative') {
    for (let s = toS; s >= fromS; s -= stepS) ticks.push({ s, text: s === toS ? 'now' : `−${ago(toS - s)}` });
    return ticks.reverse();
  }
  // The zone is asked for at each line, so that they stay at full hours when the clocks are changed.
  const shiftS = (/** @type {number} */ s) => (mode === 'utc' ? 0 : -60 * new Date(s * 1000).getTimezoneOffset());
  const atStartS = shiftS(fromS);
  for (let clockS = Math.ceil((fromS + atStartS) / stepS) * stepS; ; clockS += stepS) {
    const s = clockS - shiftS(clockS - atStartS);
    if (s > toS) return ticks;
    if (s >= fromS) ticks.push({ s, text: clockText(s, stepS, mode) });
  }
}

/** "30 s", "4.5 min", "2 h": steps of half a unit are told apart. @param {number} s */
function ago(s) {
  const [size, unit] = s < 60 ? [1, 's'] : s < 3600 ? [60, 'min'] : s < 2 * DAY_S ? [3600, 'h'] : [DAY_S, 'd'];
  return `${Math.round((s / Number(size)) * 10) / 10} ${unit}`;
}

/** "14:05", "14:05:10" where lines are seconds apart, "18 Nov" at midnight. @param {number} s @param {number} stepS @param {'local' | 'utc'} mode */
function clockText(s, stepS, mode) {
  const [, time] = parts(s * 1000, mode);
  if (stepS < DAY_S && time !== '00:00:00') return stepS < 60 ? time : time.slice(0, 5);
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: mode === 'utc' ? 'UTC' : undefined }).format(s * 1000);
}
