// The Live screen: "is it arriving, and what is it?"

import { html } from '../vendor/preact.js';

import { copyCurl, copyJson, copyLink } from '../event/facts.js';
import { Panel } from '../event/panel.js';
import { useKeys } from '../frame/keys.js';
import { count } from '../frame/text.js';
import { Empty } from './empty.js';
import { FilterBar } from './filter-bar.js';
import { List } from './list.js';
import { chosenRow, closeRow, frame, jumpToNewest, model, moveActive, openId, openNeighbour } from './live.js';
import { Notices, PauseNotice } from './notices.js';

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
      <${FilterBar} />
      <${Notices} />
      <div class="work">
        <div class="list-box"><${ListOrEmpty} /><${PauseNotice} /></div>
        <${Panel} />
      </div>
      <${Counters} />
    </main>
  `;
}

function ListOrEmpty() {
  void frame.value;
  return model.nShown > 0 ? html`<${List} />` : html`<${Empty} />`;
}

/** Numbers that add up: received = shown + not shown. */
function Counters() {
  void frame.value;
  const nPushedOut = model.nNotShown - model.nSincePause;
  const why = [
    model.nSincePause > 0 ? `${count(model.nSincePause)} wait until you resume` : '',
    nPushedOut > 0 ? `${count(nPushedOut)} were pushed out of this page’s buffer` : '',
  ].filter((part) => part !== '');
  return html`
    <footer class="counters" aria-label="Counters">
      <span>received <b data-test="received">${count(model.nReceived)}</b></span>
      <span>shown <b data-test="shown">${count(model.nShown)}</b></span>
      <span class="counter-not-shown">not shown <b data-test="not-shown">${count(model.nNotShown)}</b>
        ${why.length > 0 && html`<span class="muted"> (${why.join(', ')}; not shown is not lost, all are stored)</span>`}
      </span>
      <span>invalid <b data-test="invalid">${count(model.nInvalid)}</b></span>
    </footer>
  `;
}
