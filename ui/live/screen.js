// The Live screen: "is it arriving, and what is it?"

import { html } from '../vendor/preact.js';

import { copyCurl, copyJson, copyLink } from '../event/facts.js';
import { Panel } from '../event/panel.js';
import { useKeys } from '../frame/keys.js';
import { Empty } from './empty.js';
import { FilterBar } from './filter-bar.js';
import { List } from './list.js';
import { chosenRow, closeRow, frame, jumpToNewest, model, moveActive, openId, openNeighbour } from './live.js';
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
      <${FilterBar} />
      <${Notices} />
      <div class="work">
        <div class="list-box"><${ListOrEmpty} /><${PauseNotice} /></div>
        <${Panel} />
      </div>
    </main>
  `;
}

function ListOrEmpty() {
  void frame.value;
  return model.nShown > 0 ? html`<${List} />` : html`<${Empty} />`;
}
