// The Live screen: "is it arriving, and what is it?"

import { html } from '../vendor/preact.js';

import { copyCurl, copyJson, copyLink } from '../event/facts.js';
import { Panel } from '../event/panel.js';
import { toQuery, withTerm } from '../lib/filter.js';
import { liveHref } from '../lib/route.js';
import { FilterField } from '../frame/filter-field.js';
import { useKeys } from '../frame/keys.js';
import { count } from '../frame/text.js';
import { Empty } from './empty.js';
import { List } from './list.js';
import {
  chosenRow, closeRow, commitFilter, frame, indexOf, jumpToNewest, model, moveActive, numbersFrame, openId, openNeighbour, openRow, terms, togglePause,
} from './live.js';
import { Notices, PauseNotice } from './notices.js';
import { Strip } from './strip.js';

/** @typedef {import('./model.js').Row} Row */

/** @param {(row: Row) => void} act */
const withChosen = (act) => () => {
  const row = chosenRow();
  if (row !== undefined) act(row);
};

export function LiveScreen() {
  useKeys([
    ['/', () => document.getElementById('filter')?.focus()],
    ['.', jumpToNewest],
    ['j', () => moveActive(1)],
    ['k', () => moveActive(-1)],
    ['[', () => openNeighbour(-1)],
    [']', () => openNeighbour(1)],
    ['c', withChosen(copyJson)],
    ['C', withChosen(copyCurl)],
    ['y', withChosen(copyLink)],
    ['Escape', () => openId.value !== null && closeRow()],
  ]);
  return html`
    <main class=${`live${openId.value === null ? '' : ' live-open'}`}>
      <h1 class="visually-hidden" tabindex="-1">Live</h1>
      <${Strip} />
      <${FilterField} terms=${terms.value} onCommit=${commitFilter}><${PauseButton} /><//>
      <${Notices} />
      <div class="work">
        <div class="list-box"><${ListOrEmpty} /><${PauseNotice} /></div>
        <${Open} />
      </div>
    </main>
  `;
}

function ListOrEmpty() {
  void frame.value;
  return model.nShown > 0 ? html`<${List} />` : html`<${Empty} />`;
}

function PauseButton() {
  void numbersFrame.value;
  return html`<button class="pause" data-test="pause" disabled=${model.nShown === 0} onClick=${() => togglePause('button')}>
    ${model.isPaused ? `▶ Resume${model.nSincePause > 0 ? `, ${count(model.nSincePause)} new` : ''}` : '❚❚ Pause'}
  </button>`;
}

function Open() {
  const row = openRow.value;
  return html`<${Panel} id=${openId.value} stream=${null} row=${row} stateOf=${() => row !== null && model.stateOf(row)}
    neighbours=${neighbours} onNeighbour=${openNeighbour} onClose=${closeRow}
    narrow=${(/** @type {import('../lib/filter.js').Term} */ term) => liveHref(toQuery(withTerm(terms.value, term)))} />`;
}

/** Whether there is a newer row, and an older one. @returns {[boolean, boolean]} */
function neighbours() {
  void frame.value;
  const index = openRow.value === null ? -1 : indexOf(openRow.value.n);
  return [index > 0, index !== -1 && index + 1 < model.nShown];
}
