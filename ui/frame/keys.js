// The keys that work everywhere on the page. Keys of the list are in live/list.js.
//
// Off inside fields, off with a modifier, and off wholesale when a person has switched them off;
// Escape always works.

import { closeRow, copyOpen, jumpToNewest, moveActive, openNeighbour, openRow } from '../live/live.js';
import { helpOpen } from './help.js';
import { letterKeys, nextTimeMode } from './settings.js';

/** How long `g` waits for its second letter. */
const CHORD_MS_MAX = 1500;

let chordAtMs = 0;

/** @type {Map<string, () => void>} */
const ACTIONS = new Map([
  ['?', () => void (helpOpen.value = true)],
  ['/', () => document.getElementById('filter')?.focus()],
  ['.', jumpToNewest],
  ['j', () => moveActive(1)],
  ['k', () => moveActive(-1)],
  ['[', () => openNeighbour(-1)],
  [']', () => openNeighbour(1)],
  ['c', copyOpen],
  ['t', nextTimeMode],
  ['g', () => void (chordAtMs = Date.now())],
]);

/** @type {Map<string, string>} */
const PLACES = new Map([
  ['l', '/ui/'],
  ['o', '/docs'],
]);

/** @param {EventTarget | null} target */
function isField(target) {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (helpOpen.value || isField(event.target)) return;
  if (event.key === 'Escape' && openRow.value !== null) closeRow();
  else if (letterKeys.value === 'on') onLetter(event);
}

/** @param {KeyboardEvent} event */
function onLetter(event) {
  const place = Date.now() - chordAtMs < CHORD_MS_MAX ? PLACES.get(event.key) : undefined;
  chordAtMs = 0;
  if (place !== undefined) {
    location.assign(place);
    return;
  }
  const action = ACTIONS.get(event.key);
  if (action === undefined) return;
  event.preventDefault();
  action();
}

export function listenToKeys() {
  document.addEventListener('keydown', onKey);
}
