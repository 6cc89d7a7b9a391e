// What a session's events look like along time: gaps, arrivals out of order, categories, a sparkline. Pure.
//
// The events come in the order in which they happened. That order is kept; nothing here sorts.

/** @typedef {import('./raw-json.js').RawEvent} RawEvent */
/**
 * @typedef {object} Moment
 * @property {RawEvent} event
 * @property {string} at when it happened, RFC 3339: its own time, else that of its receipt
 * @property {number} elapsedMs since the first of the page
 * @property {number} gapMs since the one before
 * @property {boolean} isMoved it did not arrive in the order in which things happened
 */

/** @param {RawEvent[]} events @returns {Moment[]} */
export function moments(events) {
  /** @type {Moment[]} */
  const found = [];
  let [firstMs, lastMs] = [NaN, NaN];
  for (const event of events) {
    const at = event.envelope.timestamp ?? event.envelope.received_at;
    const ms = Date.parse(at);
    if (found.length === 0) firstMs = lastMs = ms;
    found.push({ event, at, elapsedMs: ms - firstMs, gapMs: ms - lastMs, isMoved: false });
    lastMs = ms;
  }
  const inOrder = longestRise(found.map(({ event }) => event.envelope.seq));
  found.forEach((moment, at) => (moment.isMoved = !inOrder.has(at)));
  return found;
}

/**
 * The places of the longest rising run of numbers, not all neighbours: what is not in it is the least
 * that must have moved, so one late event marks itself and not all that overtook it.
 * @param {number[]} numbers
 */
function longestRise(numbers) {
  /** Place of the smallest number that ends a run of each length. @type {number[]} */
  const ends = [];
  /** @type {number[]} */
  const before = [];
  numbers.forEach((number, at) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Number(numbers[Number(ends[middle])]) < number) low = middle + 1;
      else high = middle;
    }
    before[at] = ends[low - 1] ?? -1;
    ends[low] = at;
  });
  /** @type {Set<number>} */
  const places = new Set();
  for (let at = ends.at(-1) ?? -1; at >= 0; at = before[at] ?? -1) places.add(at);
  return places;
}

/**
 * How often each category occurs, the most frequent first. Events without one count under "".
 * @param {RawEvent[]} events
 * @returns {[string, number][]}
 */
export function categories(events) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { envelope } of events) counts.set(envelope.category ?? '', (counts.get(envelope.category ?? '') ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

/**
 * Counts in equal parts of the time from the first to the last event.
 * @param {Moment[]} list
 * @param {number} nParts
 * @returns {{ valid: number, invalid: number }[]}
 */
export function spark(list, nParts) {
  const parts = Array.from({ length: nParts }, () => ({ valid: 0, invalid: 0 }));
  const wholeMs = list.at(-1)?.elapsedMs ?? 0;
  for (const { elapsedMs, event } of list) {
    const part = parts[wholeMs > 0 ? Math.min(nParts - 1, Math.floor((elapsedMs / wholeMs) * nParts)) : 0];
    if (part !== undefined) part[event.envelope.valid ? 'valid' : 'invalid'] += 1;
  }
  return parts;
}

/** "+0:00.000", "+3:12.040", "+2:03:12.040" @param {number} ms */
export function elapsed(ms) {
  const pad = (/** @type {number} */ number, width = 2) => String(number).padStart(width, '0');
  const [h, min, s] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60];
  return `+${h > 0 ? `${h}:${pad(min)}` : min}:${pad(s)}.${pad(Math.floor(ms % 1000), 3)}`;
}
