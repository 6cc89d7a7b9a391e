// The open event beside the list of Live. One that is not in the list, because it came by its address,
// is read from the server.

import { html, useEffect, useRef } from '../vendor/preact.js';

import { second } from '../frame/clock.js';
import { closeRow, frame, indexOf, model, openId, openNeighbour, openRow, terms } from '../live/live.js';
import { useEvent } from './load.js';
import { NoEvent, WholeEvent } from './whole.js';

export function Panel() {
  /** @type {{ current: HTMLElement | null }} */
  const heading = useRef(null);
  const row = openRow.value;
  const id = openId.value;
  const { loaded, retry } = useEvent(row === null ? id : null, null);
  // Opening is what a person did, so the focus may follow.
  useEffect(() => heading.current?.focus(), [id, row?.n]);
  // The data is drawn anew once a second, not with every event that arrives.
  void second.value;
  if (id === null) return null;
  return html`
    <aside class="detail" aria-label="Event" data-test="detail">
      <div class="detail-head">
        <h2 tabindex="-1" ref=${heading}>Event</h2>
        <${Neighbours} />
        <button class="quiet" onClick=${closeRow} title="Close (key Esc)">Close</button>
      </div>
      <div class="detail-body">
        ${row !== null
          ? html`<${WholeEvent} event=${row} state=${model.stateOf(row)} terms=${terms.value} isPage=${false} />`
          : loaded.kind === 'found'
            ? html`<${WholeEvent} event=${loaded.event} state=${loaded.event.envelope.state} terms=${terms.value} isPage=${false} />`
            : html`<${NoEvent} loaded=${loaded} id=${id} retry=${retry} />`}
      </div>
    </aside>
  `;
}

function Neighbours() {
  void frame.value;
  const row = openRow.value;
  const index = row === null ? -1 : indexOf(row.n);
  return html`
    <button class="quiet" onClick=${() => openNeighbour(-1)} disabled=${index <= 0} title="Newer (key [)">Newer</button>
    <button class="quiet" onClick=${() => openNeighbour(1)} disabled=${index === -1 || index + 1 >= model.nShown} title="Older (key ])">Older</button>
  `;
}
