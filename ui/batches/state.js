// How a batch stands: its state in a sign and a word, how far it is, and how often that is asked for.

import { html } from '../vendor/preact.js';

import { BATCH_STATES, progressOf } from '../lib/batch.js';
import { batchHref } from '../lib/route.js';
import { Bar } from '../frame/parts.js';
import { Untrusted } from '../frame/text.js';

/** While something moves, and while nothing does. */
export const MOVING_MS = 500;
export const STILL_MS = 5000;

/** @typedef {import('../lib/batch.js').Batch} Batch */

/** Another batch has the rows of this one. It is cancelled, and that is no loss. @param {{ id: string }} props */
export function SameAs({ id }) {
  return html`Same rows as batch <a href=${batchHref(id)} data-test="same-as"><${Untrusted} text=${id} charsMax=${40} /></a>`;
}

/** @param {{ batch: Batch }} props */
export function StateText({ batch: { state, same_as: same } }) {
  if (same != null) return html`<span data-test="batch-state"><span aria-hidden="true">=</span> <${SameAs} id=${same} /></span>`;
  const [className, glyph] = BATCH_STATES.get(state) ?? ['', '?'];
  return html`<span class=${`short ${className}`} data-test="batch-state"><span aria-hidden="true">${glyph}</span> ${state}</span>`;
}

/** @param {{ batch: Batch }} props */
export function Progress({ batch }) {
  const { text, share } = progressOf(batch);
  if (share !== null) return html`<${Bar} label="Rows applied" share=${share} text=${text} />`;
  return text === '' ? null : html`<span class="line muted">${text}</span>`;
}
