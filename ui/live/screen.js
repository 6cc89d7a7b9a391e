// The Live screen: "is it arriving, and what is it?"

import { html } from '../vendor/preact.js';

import { count } from '../frame/text.js';
import { Detail } from './detail.js';
import { Empty } from './empty.js';
import { FilterBar } from './filter-bar.js';
import { List } from './list.js';
import { frame, model, openRow } from './live.js';
import { Notices, PauseNotice } from './notices.js';

export function LiveScreen() {
  return html`
    <main class=${`live${openRow.value === null ? '' : ' live-open'}`}>
      <h1 class="visually-hidden">Live</h1>
      <${FilterBar} />
      <${Notices} />
      <div class="work">
        <div class="list-box"><${ListOrEmpty} /><${PauseNotice} /></div>
        <${Detail} />
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
