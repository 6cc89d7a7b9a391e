// The open event beside a list. One that is not in the list in full, because it came by its address or
// because the list has previews only, is read from the server.

import { html, useEffect, useRef } from '../vendor/preact.js';

import { second } from '../frame/clock.js';
import { useEvent } from './load.js';
import { NoEvent, WholeEvent } from './whole.js';

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */
/** @typedef {import('./facts.js').State} State */

/**
 * @param {object} props
 * @param {string | null} props.id null shows nothing
 * @param {string | null} props.stream that of the event, if it is known
 * @param {(RawEvent & { n: number }) | null} [props.row] the event, if the list has all of it
 * @param {() => State} [props.stateOf] what became of `row` by now
 * @param {() => [boolean, boolean]} props.neighbours whether there is a newer event in the list, and an older one
 * @param {(step: -1 | 1) => void} props.onNeighbour
 * @param {() => void} props.onClose
 * @param {(term: import('../lib/filter.js').Term) => string} props.narrow the address of the list with one term more
 * @param {{ current: RawEvent | null }} [props.shown] is told which event is on the screen
 */
export function Panel({ id, stream, row = null, stateOf, neighbours, onNeighbour, onClose, narrow, shown }) {
  /** @type {{ current: HTMLElement | null }} */
  const heading = useRef(null);
  const { loaded, retry } = useEvent(row === null ? id : null, stream);
  // Opening is what a person did, so the focus may follow.
  useEffect(() => heading.current?.focus(), [id, row?.n]);
  // The data is drawn anew once a second, not with every event that arrives.
  void second.value;
  const event = row ?? (loaded.kind === 'found' ? loaded.event : null);
  if (shown !== undefined) shown.current = id === null ? null : event;
  if (id === null) return null;
  return html`
    <aside class="detail" aria-label="Event" data-test="detail">
      <div class="detail-head">
        <h2 tabindex="-1" ref=${heading}>Event</h2>
        <${Neighbours} neighbours=${neighbours} onNeighbour=${onNeighbour} />
        <button class="quiet" onClick=${onClose} title="Close (key Esc)">Close</button>
      </div>
      <div class="detail-body">
        ${event === null
          ? html`<${NoEvent} loaded=${loaded} id=${id} retry=${retry} />`
          : html`<${WholeEvent} event=${event} state=${(row !== null && stateOf?.()) || event.envelope.state} narrow=${narrow} isPage=${false} />`}
      </div>
    </aside>
  `;
}

/** @param {{ neighbours: () => [boolean, boolean], onNeighbour: (step: -1 | 1) => void }} props */
function Neighbours({ neighbours, onNeighbour }) {
  const [hasNewer, hasOlder] = neighbours();
  return html`
    <button class="quiet" onClick=${() => onNeighbour(-1)} disabled=${!hasNewer} title="Newer (key [)">Newer</button>
    <button class="quiet" onClick=${() => onNeighbour(1)} disabled=${!hasOlder} title="Older (key ])">Older</button>
  `;
}
