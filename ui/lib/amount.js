// Amounts as people read them: rates, durations, sizes. Pure.

/** @typedef {'rate' | 'count' | 'value' | 'us' | 's' | 'bytes'} Unit */

const WHOLE = new Intl.NumberFormat('en');

/** "12,431". @param {number} value */
export const count = (value) => WHOLE.format(value);

/** @param {number} number */
function short(number) {
  const digits = number === 0 || Math.abs(number) >= 100 ? 0 : Math.abs(number) >= 10 ? 1 : 2;
  return new Intl.NumberFormat('en', { maximumFractionDigits: digits, notation: Math.abs(number) >= 100_000 ? 'compact' : 'standard' }).format(number);
}

/**
 * "1,204", "3.4 ms", "0.4 s", "1.2 MB"; "–" where nothing was measured.
 * @param {number | null | undefined} value
 * @param {Unit} unit
 */
export function reading(value, unit) {
  if (value === null || value === undefined) return '–';
  if (unit === 'us') return value < 1000 ? `${short(value)} µs` : value < 1e6 ? `${short(value / 1000)} ms` : `${short(value / 1e6)} s`;
  if (unit === 's') return `${short(value)} s`;
  if (unit === 'bytes') return bytes(value);
  return unit === 'rate' ? `${short(value)}/s` : short(value);
}

/** "512 B", "84 kB", "1.2 MB": thousands, as disks are sold. @param {number} value */
export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const amount = value / 1000 ** step;
  return `${amount < 10 && step > 0 ? Math.round(amount * 10) / 10 : Math.round(amount)} ${units[step]}`;
}

/**
 * "0.4 s", "3 min", "2 h", "5 d": about how long something lasts.
 * @param {number} s
 */
export function about(s) {
  if (s < 1) return 'less than 1 s';
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  return s < 2 * 86_400 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} d`;
}
