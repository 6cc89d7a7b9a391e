// The data of an event: as a tree, or as the text that was sent. A large one begins as a summary.

import { html, signal, useMemo, useState } from '../vendor/preact.js';

import { bytes } from '../lib/amount.js';
import { childrenOf, faultOf, isBranch, root } from '../lib/json-tree.js';
import { dataText } from '../lib/raw-json.js';
import { save } from '../frame/download.js';
import { count, Untrusted } from '../frame/text.js';
import { Tree } from './tree.js';

/** Where `data` stands in an event, for JSON Pointers. */
export const DATA_POINTER = '/data';
/** Characters above which neither tree nor text is drawn unasked. */
const SUMMARY_CHARS = 256 * 1024;
/** Characters of the text that are shown at first. */
const RAW_CHARS = 64 * 1024;
/** Names that a summary lists. */
const KEYS_MAX = 50;

const TABS = /** @type {const} */ ([['tree', 'Tree'], ['raw', 'Raw']]);

/** The chosen tab stays from event to event. */
const tab = signal(/** @type {'tree' | 'raw'} */ ('tree'));

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */

/**
 * Opens the way to a node; a new object each time, so that the same one can be asked for twice.
 * @type {import('../vendor/preact.js').Signal<{ pointer: string } | null>}
 */
export const reveal = signal(/** @type {{ pointer: string } | null} */ (null));

/** @param {{ event: RawEvent, errors: import('./tree.js').Errors }} props */
export function Data({ event, errors }) {
  const text = useMemo(() => dataText(event), [event.text]);
  const isJson = useMemo(() => faultOf(text) === null, [text]);
  const [isAsked, setIsAsked] = useState(false);
  const isLarge = text.length > SUMMARY_CHARS && !isAsked && reveal.value === null;
  return html`
    <div class="data-head">
      <h2 class="h3">Data</h2>
      <span class="muted">${bytes(text.length)}</span>
      <div class="tabs" role="tablist" aria-label="How the data is shown" onKeyDown=${onKey}>
        ${TABS.map(
          ([name, word]) => html`<button role="tab" id=${`tab-${name}`} aria-selected=${String(tab.value === name)} aria-controls="data-panel"
            tabindex=${tab.value === name ? 0 : -1} onClick=${() => (tab.value = name)} data-test=${`tab-${name}`}>${word}</button>`,
        )}
      </div>
    </div>
    <div role="tabpanel" id="data-panel" aria-labelledby=${`tab-${tab.value}`}>
      ${isLarge
        ? html`<${Summary} text=${text} isJson=${isJson} onOpen=${() => setIsAsked(true)} />`
        : tab.value === 'raw' || !isJson
          ? html`<${Raw} text=${text} isJson=${isJson} />`
          : html`<${Tree} text=${text} pointer=${DATA_POINTER} errors=${errors} reveal=${reveal.value} />`}
    </div>
  `;
}

/** Arrow keys choose the other tab. @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
  event.preventDefault();
  tab.value = tab.value === 'tree' ? 'raw' : 'tree';
  document.getElementById(`tab-${tab.value}`)?.focus();
}

/** @param {{ text: string, isJson: boolean, onOpen: () => void }} props */
function Summary({ text, isJson, onOpen }) {
  const top = root(text);
  const children = isJson ? childrenOf(text, top) : [];
  const keys = children.slice(0, KEYS_MAX).flatMap(({ key }) => (key === null ? [] : [key]));
  return html`<div class="summary" data-test="summary">
    <p>${isBranch(top) ? `${count(children.length)} ${top.kind === 'object' ? 'members' : 'elements'} in ${bytes(text.length)}.` : `A ${top.kind} of ${bytes(text.length)}.`}</p>
    ${keys.length > 0 && html`<p class="muted">${keys.map((key) => html`<code><${Untrusted} text=${`"${key}"`} charsMax=${80} /></code> `)}${children.length > KEYS_MAX && '…'}</p>`}
    <p class="actions">
      <button class="primary" onClick=${onOpen}>Open ${tab.value === 'raw' ? 'the text' : 'the tree'}</button>
      <button onClick=${() => save(text, 'application/json', 'eyas-data.json')}>Download</button>
    </p>
  </div>`;
}

/** @param {{ text: string, isJson: boolean }} props */
function Raw({ text, isJson }) {
  const [isWhole, setIsWhole] = useState(false);
  const charsMax = isWhole ? Infinity : RAW_CHARS;
  return html`
    ${!isJson && html`<p class="warn">This text is no JSON, so there is no tree of it.</p>`}
    <pre class="raw" tabindex="0" aria-label="Data as written" data-test="raw"><${Untrusted} text=${text} charsMax=${charsMax} layout /></pre>
    ${text.length > charsMax && html`<button onClick=${() => setIsWhole(true)}>Show all ${count(text.length)} characters</button>`}
  `;
}
