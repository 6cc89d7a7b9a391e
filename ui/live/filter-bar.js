// The bar above the list: the filter as chips, a field for one more, and the pause button.

import { html, signal } from '../vendor/preact.js';

import { parse, termText, withTerm } from '../lib/filter.js';
import { count, Untrusted } from '../frame/text.js';
import { commitFilter, model, numbersFrame, terms, togglePause } from './live.js';

const typed = signal('');
const problems = signal(/** @type {string[]} */ ([]));

/** @typedef {import('../lib/filter.js').Term} Term */

export function FilterBar() {
  return html`
    <div class="bar">
      <form class="filter" role="search" onSubmit=${onSubmit}>
        ${terms.value.map((term) => html`<${Chip} key=${termText(term)} term=${term} />`)}
        <input id="filter" type="text" autocomplete="off" spellcheck=${false} autocapitalize="off" enterkeyhint="search"
          aria-label="Filter" aria-describedby="filter-problems" value=${typed.value} onInput=${onInput} onKeyDown=${onKey}
          placeholder=${terms.value.length === 0 ? 'Filter, such as  category:"page interaction" name:cta* valid:false' : 'and…'} />
      </form>
      <${PauseButton} />
    </div>
    <div id="filter-problems" class="problems" role="alert">
      ${problems.value.map((problem) => html`<p><${Untrusted} text=${problem} /></p>`)}
    </div>
  `;
}

/** @param {{ term: Term }} props */
function Chip({ term }) {
  const remove = () => commitFilter(terms.value.filter((other) => other !== term));
  return html`<span class="chip" data-test="chip">
    <${Untrusted} text=${termText(term)} charsMax=${80} />
    <button type="button" onClick=${remove} aria-label="Remove this filter" title="Remove">×</button>
  </span>`;
}

function PauseButton() {
  void numbersFrame.value;
  return html`<button class="pause" data-test="pause" disabled=${model.nShown === 0} onClick=${() => togglePause('button')}>
    ${model.isPaused ? `▶ Resume${model.nSincePause > 0 ? `, ${count(model.nSincePause)} new` : ''}` : '❚❚ Pause'}
  </button>`;
}

/** @param {Event} event */
function onInput({ currentTarget }) {
  typed.value = /** @type {HTMLInputElement} */ (currentTarget).value;
  problems.value = [];
}

/** @param {Event} event */
function onSubmit(event) {
  event.preventDefault();
  const read = parse(typed.value);
  problems.value = read.problems;
  if (read.problems.length > 0 || read.terms.length === 0) return;
  typed.value = '';
  commitFilter(read.terms.reduce(withTerm, terms.value));
}

/** Backspace in an empty field takes the last chip back into it. @param {KeyboardEvent} event */
function onKey(event) {
  const input = /** @type {HTMLInputElement} */ (event.currentTarget);
  const last = terms.value.at(-1);
  if (event.key === 'Escape') input.blur();
  if (event.key !== 'Backspace' || input.value !== '' || last === undefined) return;
  event.preventDefault();
  typed.value = termText(last);
  commitFilter(terms.value.slice(0, -1));
}
