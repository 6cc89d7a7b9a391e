// The labels that the found events have, and how often. A click filters by one, another click takes it
// away again.

import { html } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { filterQuery } from '../lib/explore.js';
import { withTerm } from '../lib/filter.js';
import { Failure } from '../frame/failure.js';
import { count, Untrusted } from '../frame/text.js';
import { useAsked } from './asked.js';
import { change } from './state.js';

/** @typedef {import('../lib/filter.js').Term} Term */
/** @typedef {{ value: string | boolean | null, count: number }} Value */
/** @typedef {{ facets: { [field: string]: Value[] }, examined: number, complete: boolean }} Answer */

const FIELDS = /** @type {const} */ ([
  ['application', 'Application'],
  ['category', 'Category'],
  ['name', 'Name'],
  ['valid', 'Validity'],
  ['stream', 'Stream'],
]);

/** @param {{ question: import('./state.js').Question }} props */
export function Facets({ question: { key, wanted, range } }) {
  const path = `/events/facets?${filterQuery(wanted, range)}`;
  const asked = useAsked(key, async (signal) => JSON.parse(await request(path, { signal })), 'The facets could not be counted.');
  const { failure, isAsking, again } = asked;
  const answer = /** @type {Answer | null} */ (asked.answer);
  return html`<details class="facets" open=${innerWidth > 900} data-test="facets">
    <summary>Facets</summary>
    <div aria-busy=${String(isAsking)}>
      ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
      ${answer !== null && FIELDS.map(([field, word]) => html`<${Facet} field=${field} word=${word} values=${answer.facets[field] ?? []} terms=${wanted.terms} isComplete=${answer.complete} />`)}
      ${answer !== null && !answer.complete && html`<p class="muted" data-test="facets-bound">Counted in the newest ${count(answer.examined)} events of the range.</p>`}
    </div>
  </details>`;
}

/** @param {{ field: string, word: string, values: Value[], terms: Term[], isComplete: boolean }} props */
function Facet({ field, word, values, terms, isComplete }) {
  const chosen = terms.filter((term) => term.field === field).map(({ value }) => value);
  const known = values.map(({ value }) => String(value));
  // What is chosen stays in sight, so that it can be taken away.
  const shown = [...values.filter((value) => value.count > 0), ...chosen.filter((value) => !known.includes(value)).map((value) => ({ value, count: null }))];
  if (shown.length === 0) return null;
  return html`<fieldset class="facet" data-test=${`facet-${field}`}>
    <legend>${word}</legend>
    ${shown.map(({ value, count: n }) => {
      const text = String(value);
      const amount = html`<span class="muted">${n === null ? '' : `${count(n)}${isComplete ? '' : '+'}`}</span>`;
      // Events without a label cannot be filtered for.
      if (value === null) return html`<span class="facet-value"><i class="muted">none</i>${amount}</span>`;
      const isChosen = chosen.includes(text);
      const act = () => change({ terms: isChosen ? terms.filter((term) => term.field !== field || term.value !== text) : withTerm(terms, { field, value: text }) });
      return html`<button class="facet-value" aria-pressed=${String(isChosen)} onClick=${act}>
        <${Untrusted} text=${field === 'valid' ? (text === 'true' ? '✓ valid' : '✗ invalid') : text} charsMax=${80} />${amount}
      </button>`;
    })}
  </fieldset>`;
}
