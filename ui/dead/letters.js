// The letters of one group, newest first, each with a box to choose it.

import { html, useState } from '../vendor/preact.js';

import { filterBody, filterQuery } from '../lib/dead-filter.js';
import { second } from '../frame/clock.js';
import { Act } from '../frame/dialog.js';
import { Failure } from '../frame/failure.js';
import { useKeys } from '../frame/keys.js';
import { go } from '../frame/navigate.js';
import { Table } from '../frame/table.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { nowMs } from '../live/live.js';
import { AskAct } from './act.js';

const LETTERS = 100;
const LETTERS_MS = 5000;

/** @typedef {import('../lib/dead-filter.js').Filter} Filter */
/**
 * @typedef {object} Letter
 * @property {number} seq
 * @property {string} cursor
 * @property {string} id
 * @property {string} stream
 * @property {string | null} application
 * @property {string | null} session_id
 * @property {string | null} category
 * @property {string | null} name
 * @property {string} reason
 * @property {string} detail
 * @property {import('../lib/dead-filter.js').State} state
 * @property {number} attempts
 * @property {string} dead_at
 * @property {string | null} state_at
 * @property {string | null} acted_by
 * @property {string | null} note
 * @property {string} preview
 */

/** Moves the keyboard between the boxes. @param {number} step */
function move(step) {
  const boxes = [...document.querySelectorAll('[data-test=choose]')];
  const next = boxes[Math.max(0, Math.min(boxes.length - 1, boxes.indexOf(/** @type {Element} */ (document.activeElement)) + step))];
  if (next instanceof HTMLElement) next.focus();
}

/** @param {{ filter: Filter, after: string | null, n: number, again: () => void }} props `n` of them match */
export function Letters({ filter, after, n, again }) {
  const [chosen, setChosen] = useState(/** @type {Set<number>} */ (new Set()));
  const [act, setAct] = useState(/** @type {{ kind: import('./act.js').Kind, seqs: number[] | null } | null} */ (null));
  const query = filterQuery(filter);
  query.set('limit', String(LETTERS));
  if (after !== null) query.set('after', after);
  /** @type {import('../health/poll.js').Polled<{ dead_letters: Letter[], next: string | null }>} */
  const page = usePolled(`/dead-letters/events?${query}`, LETTERS_MS, 'The dead letters could not be read.');
  void second.value;
  const list = page.value?.dead_letters ?? [];
  const seqs = list.map(({ seq }) => seq).filter((seq) => chosen.has(seq));
  const choose = (/** @type {number} */ seq) => {
    const next = new Set(chosen);
    if (!next.delete(seq)) next.add(seq);
    setChosen(next);
  };
  useKeys([
    ['j', () => move(1)],
    ['k', () => move(-1)],
    ['x', () => document.activeElement?.matches('[data-test=choose]') && /** @type {HTMLElement} */ (document.activeElement).click()],
    ['R', () => filter.state === 'open' && list.length > 0 && setAct({ kind: 'replay', seqs: seqs.length > 0 ? seqs : null })],
  ]);
  const changed = () => {
    setChosen(new Set());
    page.again();
    again();
  };
  const button = (/** @type {import('./act.js').Kind} */ kind, /** @type {string} */ word) => html`
    <${Act} disabled=${seqs.length === 0} onClick=${() => setAct({ kind, seqs })} data-test=${`${kind}-selected`}>${word} ${count(seqs.length)} selected…<//>
    <${Act} disabled=${n === 0} onClick=${() => setAct({ kind, seqs: null })} data-test=${`${kind}-all`}>${word} all ${count(n)}…<//>`;
  const nextPage = page.value?.next ?? null;
  const isAll = list.length > 0 && seqs.length === list.length;
  return html`
    ${page.failure !== null && html`<${Failure} facts=${page.failure} onRetry=${page.again} />`}
    <p class="actions">
      <label class="check"><input type="checkbox" checked=${isAll} disabled=${list.length === 0} onChange=${() => setChosen(new Set(isAll ? [] : list.map(({ seq }) => seq)))} data-test="choose-page" /> This page</label>
      ${filter.state === 'open' && html`${button('replay', 'Replay')}${button('discard', 'Discard')}`}
      ${filter.state === 'discarded' && button('restore', 'Restore')}
    </p>
    ${page.value !== null && (list.length === 0
      ? html`<p data-test="no-letters">No dead letter matches.</p>`
      : html`<${Table} caption="Newest first" test="letters" head=${['Event', 'Died', 'Tries', 'The database’s words', 'Data', ...(filter.state === 'open' ? [] : ['Since'])]}
        rows=${list.map((letter) => [
          html`<span class="choose"><input type="checkbox" checked=${chosen.has(letter.seq)} onChange=${() => choose(letter.seq)} aria-label=${`Choose ${letter.seq}`} data-test="choose" />
            <a href=${`/ui/dead/${letter.seq}`}><${Untrusted} text=${letter.id} charsMax=${60} /></a></span>`,
          html`<${Time} at=${letter.dead_at} nowMs=${nowMs()} />`, count(letter.attempts), html`<${Untrusted} text=${letter.detail} charsMax=${200} />`,
          html`<code class="preview"><${Untrusted} text=${letter.preview} charsMax=${160} layout /></code>`,
          ...(filter.state === 'open' ? [] : [html`${letter.state_at !== null && html`<${Time} at=${letter.state_at} nowMs=${nowMs()} />`}${letter.acted_by !== null && html` <span class="muted">by <${Untrusted} text=${letter.acted_by} charsMax=${40} /></span>`}
            ${letter.note !== null && html`<span class="line"><${Untrusted} text=${letter.note} charsMax=${200} /></span>`}`]),
        ])} />`)}
    <p class="actions pager">
      ${after !== null && html`<a class="button" href=${`/ui/dead?${filterQuery(filter)}`}>⇤ Newest</a>`}
      ${nextPage !== null && html`<button onClick=${() => go(`/ui/dead?${new URLSearchParams([...filterQuery(filter), ['after', nextPage]])}`)} data-test="older">Older →</button>`}
    </p>
    ${act !== null && html`<${AskAct} kind=${act.kind} scope=${act.seqs === null ? { filter: filterBody(filter) } : { seqs: act.seqs }} nRoughly=${act.seqs?.length ?? n} onClose=${() => setAct(null)} again=${changed} />`}
  `;
}
