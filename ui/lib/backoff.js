// How long to wait before the next attempt to connect. Pure: no clock, no randomness of its own.

export const WAIT_MS_MIN = 500;
export const WAIT_MS_MAX = 15_000;

/**
 * The wait doubles from 0.5 s to 15 s; up to half of it is taken off by chance, so that many pages do
 * not come back in the same moment.
 * @param {number} attempt 0 for the first wait after a loss
 * @param {number} chance from 0 to 1
 * @returns {number} milliseconds, never below 250
 */
export function waitMs(attempt, chance) {
  const full = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(attempt, 16));
  return Math.round(full * (1 - chance / 2));
}
