// How a batch stands: its state in a sign and a word, how far it is, and how often that is asked for.

import { html, useEffect } from '../vendor/preact.js';

import { BATCH_STATES, firstOf, isOver, progressOf } from '../lib/batch.js';
import { batchHref } from '../lib/route.js';
import { Bar } from '../frame/parts.js';
import { Untrusted } from '../frame/text.js';

/** While something moves, and while nothing does. */
export const MOVING_MS = 500;
export const STILL_MS = 5000;
/** What is not over and has not changed for so long stands still: a paused upload does for hours. */
const UNCHANGED_MS = 10_000;

/** @typedef {import('../lib/batch.js').Batch} Batch */

/** Says how often to ask, by what the last answer brought. @param {Batch[]} batches @param {(everyMs: number) => void} setEveryMs */
export function usePace(batches, setEveryMs) {
  const moving = batches.filter((batch) => !isOver(batch)).map(({ id, state, bytes, rows_applied: rows }) => `${id} ${state} ${bytes} ${rows}`).join();
  useEffect(() => {
    setEveryMs(moving === '' ? STILL_MS : MOVING_MS);
    const timer = setTimeout(() => setEveryMs(STILL_MS), UNCHANGED_MS);
    return () => clearTimeout(timer);
  }, [moving]);
}

/** Another batch has the rows of this one. @param {{ id: string }} props */
export function SameAs({ id }) {
  return html`Same rows as batch <a href=${batchHref(id)} data-test="same-as"><${Untrusted} text=${id} charsMax=${40} /></a>`;
}

/** @param {{ batch: Batch }} props */
export function StateText({ batch }) {
  const first = firstOf(batch);
  if (first !== null) return html`<span data-test="batch-state"><span aria-hidden="true">=</span> <${SameAs} id=${first} /></span>`;
  const [className, glyph] = BATCH_STATES.get(batch.state) ?? ['', '?'];
  return html`<span class=${`short ${className}`} data-test="batch-state"><span aria-hidden="true">${glyph}</span> ${batch.state}</span>`;
}

/** @param {{ batch: Batch }} props */
export function Progress({ batch }) {
  const { text, share } = progressOf(batch);
  if (share !== null) return html`<${Bar} label="Rows applied" share=${share} text=${text} />`;
  return text === '' ? null : html`<span class="line muted">${text}</span>`;
}
