// Invalid events, grouped by what they break: where to begin mending. A group leads to its events.

import { html } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { INVALID_FIELDS, invalidQuery, revalidateFilter } from '../lib/explore.js';
import { Failure } from '../frame/failure.js';
import { KeyText, Maybe, Table } from '../frame/parts.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { nowMs } from '../live/live.js';
import { RevalidateButton, Revalidations } from '../schemas/revalidate.js';
import { useAsked } from './asked.js';
import { groupHref } from './state.js';

/** @typedef {{ application: string | null, stream: string, category: string | null, name: string | null, rule: string, pointer: string, count: number, first_seen: string, last_seen: string, sample: { seq: number, id: string, message: string } }} Group */
/** @typedef {{ groups: Group[], complete: boolean }} Answer */

const HEAD = ['Events of', 'Application', 'Broken rule', 'Number', 'First seen', 'Last seen', 'Such as'];

/** @param {{ question: import('./state.js').Question }} props */
export function Invalid({ question: { key, wanted, range } }) {
  const path = `/invalid?${invalidQuery(wanted, range)}`;
  const asked = useAsked(key, async (signal) => JSON.parse(await request(path, { signal })), 'The groups of invalid events could not be read.');
  const { failure, again } = asked;
  const answer = /** @type {Answer | null} */ (asked.answer);
  const isNarrower = wanted.terms.some(({ field }) => !INVALID_FIELDS.includes(field) && field !== 'valid');
  return html`<div class="groups" data-test="invalid">
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    <${Revalidations} onEnd=${again} />
    ${answer !== null && answer.groups.length > 0 && html`<p class="actions"><${RevalidateButton} filter=${revalidateFilter(wanted, range)} /></p>`}
    ${answer !== null && isNarrower && html`<p class="muted">Groups follow application, category, name and range; the other filters do not count here.</p>`}
    ${answer !== null && !answer.complete && html`<p class="muted">The range holds more invalid events than were counted: these are the newest.</p>`}
    ${answer !== null && (answer.groups.length === 0
      ? html`<div class="empty" data-test="no-invalid"><h2>No invalid event in this range</h2><p>An event is invalid when a <a href="/ui/schemas">schema</a> says so. All pass as valid until there is one.</p></div>`
      : html`<${Table} caption="What is broken, the most frequent first; a name leads to its events." head=${HEAD} test="groups" rows=${answer.groups.map(cellsOf)} />`)}
  </div>`;
}

/** @param {Group} group */
function cellsOf(group) {
  const { application, rule, pointer, first_seen: first, last_seen: last, sample } = group;
  return [
    html`<a href=${groupHref(group)}><${KeyText} of=${group} /></a>`,
    html`<${Maybe} text=${application} />`,
    html`<span class="bad">✗ <${Untrusted} text=${rule} charsMax=${80} /></span> <code><${Untrusted} text=${pointer} charsMax=${120} /></code>`,
    count(group.count),
    html`<${Time} at=${first} nowMs=${nowMs()} />`,
    html`<${Time} at=${last} nowMs=${nowMs()} />`,
    html`<${Untrusted} text=${sample.message} charsMax=${160} />`,
  ];
}
