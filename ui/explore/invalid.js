// Invalid events, grouped by what they break: where to begin mending. A group leads to its events.

import { html } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { invalidQuery } from '../lib/explore.js';
import { Failure } from '../frame/failure.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { nowMs } from '../live/live.js';
import { useAsked } from './asked.js';
import { groupHref } from './state.js';

/** @typedef {{ application: string | null, stream: string, category: string | null, name: string | null, rule: string, pointer: string, count: number, first_seen: string, last_seen: string, sample: { seq: number, id: string, message: string } }} Group */
/** @typedef {{ groups: Group[], complete: boolean }} Answer */

const HEAD = ['Category / name', 'Broken rule', 'Events', 'First seen', 'Last seen', 'Such as'];

/** @param {{ question: import('./state.js').Question }} props */
export function Invalid({ question: { key, wanted, range } }) {
  const path = `/invalid?${invalidQuery(wanted, range)}`;
  const asked = useAsked(key, async (signal) => JSON.parse(await request(path, { signal })), 'The groups of invalid events could not be read.');
  const { failure, again } = asked;
  const answer = /** @type {Answer | null} */ (asked.answer);
  const isNarrower = wanted.terms.some(({ field }) => !['application', 'category', 'name', 'valid'].includes(field));
  return html`<div class="groups" data-test="invalid">
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    ${answer !== null && isNarrower && html`<p class="muted">Groups follow application, category, name and range; the other filters do not count here.</p>`}
    ${answer !== null && !answer.complete && html`<p class="muted">The range holds more invalid events than were counted: these are the newest.</p>`}
    ${answer !== null && (answer.groups.length === 0
      ? html`<div class="empty" data-test="no-invalid"><h2>No invalid event in this range</h2><p>An event is invalid when a schema says so. All pass as valid until there is a schema.</p></div>`
      : html`<table data-test="groups">
          <caption class="visually-hidden">Groups of invalid events</caption>
          <thead><tr>${HEAD.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
          <tbody>${answer.groups.map((group) => html`<${GroupRow} group=${group} />`)}</tbody>
        </table>`)}
  </div>`;
}

/** @param {{ group: Group }} props */
function GroupRow({ group }) {
  const { application, stream, category, name, rule, pointer, first_seen: first, last_seen: last, sample } = group;
  const where = [application, stream === 'events' ? null : stream].filter((text) => text !== null).join(' / ');
  return html`<tr data-test="group">
    <th scope="row"><a href=${groupHref(group)}>${category !== null && html`<${Untrusted} text=${category} charsMax=${120} /> / `}<${Untrusted} text=${name ?? 'without a name'} charsMax=${120} /></a>
      ${where !== '' && html`<span class="muted"><${Untrusted} text=${where} charsMax=${120} /></span>`}</th>
    <td data-label="Broken rule"><span class="bad">✗ <${Untrusted} text=${rule} charsMax=${80} /></span> <code><${Untrusted} text=${pointer} charsMax=${120} /></code></td>
    <td data-label="Events">${count(group.count)}</td>
    <td data-label="First seen"><${Time} at=${first} nowMs=${nowMs()} /></td>
    <td data-label="Last seen"><${Time} at=${last} nowMs=${nowMs()} /></td>
    <td data-label="Such as" class="muted"><${Untrusted} text=${sample.message} charsMax=${160} /></td>
  </tr>`;
}
