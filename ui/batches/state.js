// How a batch stands: its state in a sign and a word, how far it is, and how often that is asked for.

import { html } from '../vendor/preact.js';

import { BATCH_STATES, progressOf } from '../lib/batch.js';
import { Bar } from '../frame/parts.js';

/** While something moves, and while nothing does. */
export const MOVING_MS = 500;
export const STILL_MS = 5000;

/** @typedef {import('../lib/batch.js').Batch} Batch */

/** @param {{ batch: Batch }} props */
export function StateText({ batch: { state } }) {
  const [className, glyph] = BATCH_STATES.get(state) ?? ['', '?'];
  return html`<span class=${className} data-test="batch-state"><span aria-hidden="true">${glyph}</span> ${state}</span>`;
}

/** @param {{ batch: Batch }} props */
export function Progress({ batch }) {
  const { text, share } = progressOf(batch);
  if (share !== null) return html`<${Bar} label="Rows applied" share=${share} text=${text} />`;
  return text === '' ? null : html`<span class="line muted">${text}</span>`;
}
