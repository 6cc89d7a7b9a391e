// What changed between two texts, line by line. Pure.

/** Above so many pairs of lines the comparison would be felt. */
const PAIRS_MAX = 4_000_000;

/** @typedef {{ sign: ' ' | '-' | '+', text: string }} Line */

/**
 * The shortest way from one text to the other, or null if they are too long to compare.
 * @param {string} from
 * @param {string} to
 * @returns {Line[] | null}
 */
export function lineDiff(from, to) {
  const [a, b] = [from.split('\n'), to.split('\n')];
  if (a.length * b.length > PAIRS_MAX) return null;
  // common[i][j] is how many lines the rests behind i and j have in common.
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (/** @type {number} */ i, /** @type {number} */ j) => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const row = /** @type {Uint32Array} */ (common[i]);
    for (let j = b.length - 1; j >= 0; j -= 1) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  /** @type {Line[]} */
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] ?? '' });
      i += 1;
      j += 1;
    } else if (j === b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) lines.push({ sign: '-', text: a[i++] ?? '' });
    else lines.push({ sign: '+', text: b[j++] ?? '' });
  }
  return lines;
}
