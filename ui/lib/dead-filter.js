// Which dead letters are meant: as an address, as a question to the server, as words. Pure.
//
// A label that an event does not have is empty in an address and null in a body; one that may be anything is left out.

/** @typedef {'open' | 'replayed' | 'discarded'} State */
/** @typedef {{ state: State, labels: [Label, string][] }} Filter */
/** @typedef {typeof LABELS[number]} Label */

export const LABELS = /** @type {const} */ (['reason', 'application', 'stream', 'category', 'name']);
/** @type {State[]} */
export const STATES = ['open', 'replayed', 'discarded'];

/** @param {URLSearchParams} query @returns {Filter} */
export function filterOf(query) {
  const wanted = query.get('state');
  return {
    state: STATES.find((state) => state === wanted) ?? 'open',
    labels: LABELS.flatMap((label) => {
      const value = query.get(label);
      return value === null ? [] : [/** @type {[Label, string]} */ ([label, value])];
    }),
  };
}

/** @param {Filter} filter @returns {URLSearchParams} the parameters of the server, which are also the address’s */
export function filterQuery({ state, labels }) {
  return new URLSearchParams([...(state === 'open' ? [] : [['state', state]]), ...labels]);
}

/** @param {Filter} filter the same as a member of a body */
export function filterBody({ state, labels }) {
  return { state, ...Object.fromEntries(labels.map(([label, value]) => [label, value === '' ? null : value])) };
}

/** The letters of one group. @param {State} state @param {{ [label in Label]: string | null }} group @returns {Filter} */
export function groupFilter(state, group) {
  return { state, labels: LABELS.map((label) => [label, group[label] ?? '']) };
}

/** @param {Filter} filter */
export function deadHref(filter) {
  const query = filterQuery(filter);
  return query.size === 0 ? '/ui/dead' : `/ui/dead?${query}`;
}
