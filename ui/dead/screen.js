// Dead letters, /ui/dead: what the database refused for good, grouped by why. With labels in the query it is the
// letters of one group, with a number in the path it is one letter.

import { html, useEffect, useState } from '../vendor/preact.js';

import { deadHref, filterBody, filterOf, filterQuery, groupFilter, STATES } from '../lib/dead-filter.js';
import { second } from '../frame/clock.js';
import { nOpen } from '../frame/dead-count.js';
import { Act, LookOnly } from '../frame/dialog.js';
import { Failure } from '../frame/failure.js';
import { useKeys } from '../frame/keys.js';
import { route } from '../frame/navigate.js';
import { KeyText, Maybe, Table } from '../frame/table.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { Jobs } from '../jobs/jobs.js';
import { nowMs } from '../live/live.js';
import { AskAct } from './act.js';
import { LetterPage } from './letter.js';
import { Letters } from './letters.js';

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
    if (value !== null) nOpen.value = value.counts.open;
  }, [value]);
  return html`<main class="page" data-test="dead">
    <div class="page-head"><h1 tabindex="-1">Dead letters</h1></div>
    <${LookOnly} />
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
  const [act, setAct] = useState(/** @type {import('./act.js').Kind | null} */ (null));
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
