// The field in which a filter is written: its terms as chips, and room for one more. Live and Events
// have it. A whole UUID is no text to search for but a place to go to.

import { html, useState } from '../vendor/preact.js';

import { parse, termText, withTerm } from '../lib/filter.js';
import { isUuid } from '../lib/route.js';
import { goToId } from './go-to-id.js';
import { Untrusted } from './text.js';

/** @typedef {import('../lib/filter.js').Term} Term */

/** @param {{ terms: Term[], onCommit: (terms: Term[]) => void, children?: any }} props `children` stand behind the field */
export function FilterField({ terms, onCommit, children }) {
  const [typed, setTyped] = useState('');
  const [problems, setProblems] = useState(/** @type {string[]} */ ([]));

  /** @param {Event} event */
  const onInput = ({ currentTarget }) => {
    setTyped(/** @type {HTMLInputElement} */ (currentTarget).value);
    setProblems([]);
  };
  /** @param {ClipboardEvent} event */
  const onPaste = (event) => {
    const pasted = event.clipboardData?.getData('text').trim() ?? '';
    if (typed !== '' || !isUuid(pasted)) return;
    event.preventDefault();
    leave(pasted);
  };
  /** @param {string} id */
  const leave = async (id) => {
    setTyped(id);
    const problem = await goToId(id);
    if (problem === null) setTyped('');
    else setProblems([problem]);
  };
  /** @param {Event} event */
  const onSubmit = (event) => {
    event.preventDefault();
    if (isUuid(typed.trim())) return leave(typed.trim());
    const read = parse(typed);
    setProblems(read.problems);
    if (read.problems.length > 0 || read.terms.length === 0) return;
    setTyped('');
    onCommit(read.terms.reduce(withTerm, terms));
  };
  /** Backspace in an empty field takes the last chip back into it. @param {KeyboardEvent} event */
  const onKey = (event) => {
    const input = /** @type {HTMLInputElement} */ (event.currentTarget);
    const last = terms.at(-1);
    if (event.key === 'Escape') input.blur();
    if (event.key !== 'Backspace' || input.value !== '' || last === undefined) return;
    event.preventDefault();
    setTyped(termText(last));
    onCommit(terms.slice(0, -1));
  };

  return html`
    <div class="bar">
      <form class="filter" role="search" onSubmit=${onSubmit}>
        ${terms.map((term) => html`<${Chip} key=${termText(term)} term=${term} onRemove=${() => onCommit(terms.filter((other) => other !== term))} />`)}
        <input id="filter" type="text" autocomplete="off" spellcheck=${false} autocapitalize="off" enterkeyhint="search"
          aria-label="Filter" aria-describedby="filter-problems" value=${typed} onInput=${onInput} onKeyDown=${onKey} onPaste=${onPaste}
          placeholder=${terms.length === 0 ? 'Search, an id, or a filter such as  category:"page interaction" name:cta* valid:false' : 'and…'} />
      </form>
      ${children}
    </div>
    <div id="filter-problems" class="problems" role="alert">
      ${problems.map((problem) => html`<p><${Untrusted} text=${problem} /></p>`)}
    </div>
  `;
}

/** @param {{ term: Term, onRemove: () => void }} props */
function Chip({ term, onRemove }) {
  return html`<span class="chip" data-test="chip">
    <${Untrusted} text=${termText(term)} charsMax=${80} />
    <button type="button" onClick=${onRemove} aria-label="Remove this filter" title="Remove">×</button>
  </span>`;
}
