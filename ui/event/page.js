// The page of one event: /ui/events/<id>.

import { html } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { toQuery } from '../lib/filter.js';
import { splitPage } from '../lib/raw-json.js';
import { eventHref, liveHref } from '../lib/route.js';
import { useKeys } from '../frame/keys.js';
import { go, route } from '../frame/navigate.js';
import { say } from '../frame/say.js';
import { Untrusted } from '../frame/text.js';
import { StateMark } from '../live/row.js';
import { copyCurl, copyJson, copyLink } from './facts.js';
import { useEvent } from './load.js';
import { NoEvent, WholeEvent } from './whole.js';

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */

export function EventPage() {
  const { id, query } = route.value;
  const { loaded, retry } = useEvent(id, query.get('stream'));
  const event = loaded.kind === 'found' ? loaded.event : null;
  useKeys([
    ['[', () => event && openNeighbour(event, 'asc')],
    [']', () => event && openNeighbour(event, 'desc')],
    ['c', () => event && copyJson(event)],
    ['C', () => event && copyCurl(event)],
    ['y', () => event && copyLink(event)],
  ]);
  if (event === null) {
    return html`<main class="page">
      <h1 class="visually-hidden" tabindex="-1">Event</h1>
      <${NoEvent} loaded=${loaded} id=${id} retry=${retry} />
    </main>`;
  }
  return html`<main class="page" data-test="event-page">
    <div class="page-head">
      <${Title} event=${event} />
      <button onClick=${() => openNeighbour(event, 'asc')} title="The next newer event of this stream (key [)">Newer</button>
      <button onClick=${() => openNeighbour(event, 'desc')} title="The next older event of this stream (key ])">Older</button>
    </div>
    <${WholeEvent} event=${event} state=${event.envelope.state} narrow=${narrow} isPage=${true} />
  </main>`;
}

/** @param {import('../lib/filter.js').Term} term */
const narrow = (term) => liveHref(toQuery([term]));

/** @param {{ event: RawEvent }} props */
function Title({ event: { envelope } }) {
  const { category, name, stream, state = 'stored' } = envelope;
  return html`<h1 tabindex="-1">
    <${StateMark} state=${state} />${' '}
    ${category !== null && html`<span class="muted"><${Untrusted} text=${category} /> /</span> `}
    <${Untrusted} text=${name ?? stream} />
  </h1>`;
}

/** @param {RawEvent} event @param {'asc' | 'desc'} order asc is newer */
async function openNeighbour({ envelope: { stream, cursor } }, order) {
  try {
    const query = new URLSearchParams({ stream, order, after: cursor, limit: '1' });
    const next = splitPage(await request(`/events?${query}`)).events[0];
    if (next === undefined) say(order === 'asc' ? 'This is the newest event of its stream.' : 'This is the oldest event of its stream.');
    else go(eventHref(next.envelope.id, stream === 'events' ? null : stream), { replace: true });
  } catch (error) {
    say(`The neighbour could not be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
