// Dead letters, /ui/dead: what the database refused for good, grouped by why. With labels in the query it is the
// letters of one group, newest first, each with a box to choose it; with a number in the path it is one letter.

import { html, useEffect, useState } from '../vendor/preact.js';

import { deadHref, filterBody, filterOf, filterQuery, groupFilter, STATES } from '../lib/dead-filter.js';
import { second } from '../frame/clock.js';
import { nOpen } from '../frame/dead-count.js';
import { Act, KeyText, LookOnly, Maybe, Table } from '../frame/parts.js';
import { Failure } from '../frame/failure.js';
import { useKeys } from '../frame/keys.js';
import { go, route } from '../frame/navigate.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { Jobs } from '../jobs/jobs.js';
import { nowMs } from '../live/live.js';
import { AskAct, LetterPage } from './letter.js';

const GROUPS_MS = 5000;

/** @typedef {import('../lib/dead-filter.js').Filter} Filter */
/**
 * @typedef {{ reason: string, application: string | null, stream: string, category: string | null, name: string | null,
 *   count: number, first_seen: string, last_seen: string, sample: { seq: number, detail: string } }} Group
 */
/** @typedef {{ groups: Group[], counts: { open: number, replayed: number, discarded: number } }} Groups */

export function DeadScreen() {
  const { id, query } = route.value;
  if (id !== '') return html`<${LetterPage} key=${id} seq=${id} />`;
  const filter = filterOf(query);
  return html`<${All} key=${deadHref(filter)} filter=${filter} after=${query.get('after')} />`;
}

/** @param {{ filter: Filter, after: string | null }} props */
function All({ filter, after }) {
  /** @type {import('../health/poll.js').Polled<Groups>} */
  const { value, failure, again } = usePolled(`/dead-letters?${filterQuery(filter)}`, GROUPS_MS, 'The dead letters could not be read.');
  const n = value?.groups.reduce((sum, group) => sum + group.count, 0) ?? 0;
  useEffect(() => {
    // Those of one group are not all that are open.
    if (value !== null && filter.labels.length === 0) nOpen.value = value.counts.open;
  }, [value]);
  return html`<main class="page" data-test="dead">
    <div class="page-head"><h1 tabindex="-1">Dead letters</h1></div>
    ${failure?.status !== 403 && html`<${LookOnly} />`}
    <nav class="states" aria-label="States">${STATES.map((state) => html`<a href=${deadHref({ ...filter, state })} aria-current=${state === filter.state ? 'page' : undefined} data-test=${`tab-${state}`}
      >${WORDS.get(state)}${value !== null && html` <span class="nav-count">${count(value.counts[state])}</span>`}</a>`)}</nav>
    <${Jobs} onEnd=${again} />
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    ${value === null
      ? failure === null && html`<p>Reading…</p>`
      : filter.labels.length > 0
        ? html`<${Chosen} filter=${filter} /><${Letters} filter=${filter} after=${after} n=${n} again=${again} />`
        : value.groups.length === 0 ? html`<${Nothing} filter=${filter} /> ` : html`<${Groups} filter=${filter} groups=${value.groups} n=${n} again=${again} />`}
  </main>`;
}

const WORDS = new Map([['open', 'Open'], ['replayed', 'Replayed'], ['discarded', 'Discarded']]);

/** @param {{ filter: Filter }} props */
function Nothing({ filter: { state } }) {
  return html`<div class="card first" data-test="empty">
    ${state === 'open'
      ? html`<h2>No dead letters</h2><p>Events land here when the database refuses them for good, each with the reason, while all others are stored. None is ever lost:
          it is kept until somebody replays or discards it.</p>`
      : html`<p>None was ${state} yet.</p>`}
  </div>`;
}

/** @param {{ filter: Filter }} props */
function Chosen({ filter: { state, labels } }) {
  return html`<p class="chosen" data-test="chosen">
    ${labels.map(([label, value]) => html`<span><span class="muted">${label}</span> ${value === '' ? html`<span class="none">none</span>` : html`<b><${Untrusted} text=${value} charsMax=${120} /></b>`}</span>`)}
    <a href=${deadHref({ state, labels: [] })}>All groups</a>
  </p>`;
}

/** @param {{ filter: Filter, groups: Group[], n: number, again: () => void }} props */
function Groups({ filter, groups, n, again }) {
  const [act, setAct] = useState(/** @type {import('./letter.js').Kind | null} */ (null));
  void second.value;
  useKeys([['R', () => filter.state !== 'replayed' && setAct('replay')]]);
  return html`
    <p class="actions">
      ${filter.state === 'open' && html`<${Act} onClick=${() => setAct('replay')} title="Shift+R" data-test="replay-all">Replay all ${count(n)}…<//>`}
      ${filter.state === 'discarded' && html`<${Act} onClick=${() => setAct('restore')} data-test="restore-all">Restore all ${count(n)}…<//>`}
    </p>
    <${Table} caption="Grouped by why, and of what" test="dead-groups" head=${['Events', 'How many', 'Reason', 'Application', 'First', 'Last', 'The database’s words']}
      rows=${groups.map((group) => [
        html`<a href=${deadHref(groupFilter(filter.state, group))}><${KeyText} of=${group} /></a>`, count(group.count), html`<${Untrusted} text=${group.reason} />`, html`<${Maybe} text=${group.application} />`,
        html`<${Time} at=${group.first_seen} nowMs=${nowMs()} />`, html`<${Time} at=${group.last_seen} nowMs=${nowMs()} />`, html`<${Untrusted} text=${group.sample.detail} charsMax=${200} />`,
      ])} />
    ${act !== null && html`<${AskAct} kind=${act} scope=${{ filter: filterBody(filter) }} nRoughly=${n} onClose=${() => setAct(null)} again=${again} />`}
  `;
}

const LETTERS = 100;
const LETTERS_MS = 5000;

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
  const [act, setAct] = useState(/** @type {{ kind: import('./letter.js').Kind, seqs: number[] | null } | null} */ (null));
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
  const button = (/** @type {import('./letter.js').Kind} */ kind, /** @type {string} */ word) => html`
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
