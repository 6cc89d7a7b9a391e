// The Events screen's state: what the address asks for, and the range that follows from it. A preset's
// range is fixed when the question is asked, so that table, histogram and facets speak of the same time.

import { signal } from '../vendor/preact.js';

import { changed, pinned, queryOf, rangeOf, wantedOf } from '../lib/explore.js';
import { toQuery, withTerm } from '../lib/filter.js';
import { eventsHref, liveHref } from '../lib/route.js';
import { go, route } from '../frame/navigate.js';
import { nowMs } from '../live/live.js';

/** @typedef {import('../lib/explore.js').Wanted} Wanted */
/** @typedef {import('../lib/explore.js').Range} Range */
/** @typedef {import('../lib/filter.js').Term} Term */

/** One question: what is wanted, and when it was asked. @typedef {{ key: string, wanted: Wanted, range: Range, askedMs: number }} Question */

/** Rises when a person asks again. */
const asked = signal(0);
/** @type {Question | null} */
let question = null;

/** The question on the screen; the same object as long as it is the same question. @returns {Question} */
export function currentQuestion() {
  const wanted = wantedOf(route.value.query);
  const key = `${asked.value} ${queryOf(wanted)}`;
  if (question?.key !== key) {
    const askedMs = nowMs();
    question = { key, wanted, range: rangeOf(wanted, askedMs), askedMs };
  }
  return question;
}

export const askAgain = () => void (asked.value += 1);

/** @param {Wanted} wanted @param {{ event?: string, replace?: boolean }} [options] */
export function show(wanted, { event, replace } = {}) {
  const query = queryOf(wanted);
  if (event !== undefined) query.set('event', event);
  go(eventsHref(query), { replace });
}

/** Another filter or range, from its first page. @param {Partial<Wanted>} change */
export function change(change) {
  show(changed(wantedOf(route.peek().query), change));
}

/** @param {Term} term */
export function narrow(term) {
  const wanted = wantedOf(route.peek().query);
  return eventsHref(queryOf(changed(wanted, { terms: withTerm(wanted.terms, term), tab: 'events' })));
}

/** @param {Question} question */
export const pinnedHref = ({ wanted, range, askedMs }) => eventsHref(queryOf(pinned(wanted, range, askedMs)));

/** @param {Question} question */
export const watchHref = ({ wanted }) => liveHref(toQuery(wanted.terms));

/**
 * The events of a group of invalid ones. Labels end the filter's values with `*` as a beginning, so a label that ends with
 * one finds more than itself.
 * @param {{ application: string | null, stream: string, category: string | null, name: string | null }} group
 */
export function groupHref({ application, stream, category, name }) {
  const wanted = wantedOf(route.peek().query);
  const labels = Object.entries({ stream, application, category, name }).flatMap(([field, value]) => (value === null ? [] : [{ field, value }]));
  return eventsHref(queryOf(changed(wanted, { terms: [...labels, { field: 'valid', value: 'false' }], tab: 'events' })));
}
