// How the database would run a statement: its own words, line by line, each indented below the step that it is part of.

import { html } from '../vendor/preact.js';

import { NAMES } from '../frame/database.js';
import { copy } from '../frame/say.js';
import { Untrusted } from '../frame/text.js';

/** Characters shown; a plan of many partitions is long. */
const CHARS = 100_000;

/** @param {{ lines: string[], database?: string }} props */
export function PlanBox({ lines, database = '' }) {
  const text = lines.join('\n');
  return html`<section aria-label="Plan" data-test="plan">
    <p class="actions">
      <span data-test="plan-facts">This is how ${NAMES.get(database) ?? 'the database'} would run it; nothing has run</span>
      <button onClick=${() => copy(text, 'The plan')}>Copy</button>
    </p>
    ${lines.length === 0 ? html`<p class="muted">There is nothing to plan.</p>`
      : html`<div class="answer" tabindex="0" role="region" aria-label="The plan, line by line"><pre class="plan" data-test="plan-text"><${Untrusted} text=${text} charsMax=${CHARS} layout /></pre></div>`}
  </section>`;
}
