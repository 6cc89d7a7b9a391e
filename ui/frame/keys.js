// The keys that work everywhere on the page, and those that a screen adds. Keys of the list are in
// live/list.js, keys of the tree in event/tree.js.
//
// Off inside fields, off with a modifier, and off wholesale when a person has switched them off;
// Escape always works.

import { useEffect, useRef } from '../vendor/preact.js';

import { helpOpen } from './help.js';
import { go } from './navigate.js';
import { letterKeys, nextTimeMode } from './settings.js';

/** How long `g` waits for its second letter. */
const CHORD_MS_MAX = 1500;

/** When `g` was pressed, not when a busy page came to hear of it. */
let chordAtMs = -Infinity;

/** @typedef {Map<string, () => unknown>} Actions */

/** @type {Actions} */
const EVERYWHERE = new Map([
  ['?', () => void (helpOpen.value = true)],
  ['t', nextTimeMode],
]);

/** @type {Actions} */
const PLACES = new Map([
  ['l', () => go('/ui/')],
  ['e', () => go('/ui/events')],
  ['d', () => go('/ui/dead')],
  ['h', () => go('/ui/health')],
  ['b', () => go('/ui/batches')],
  ['s', () => go('/ui/schemas')],
  ['a', () => go('/ui/apps')],
  ['q', () => go('/ui/sql')],
  ['o', () => location.assign('/docs')],
]);

/** The keys of the screen that is shown. @type {Actions} */
let ofScreen = new Map();

/**
 * Gives keys to a screen for as long as it is shown.
 * @param {[string, () => unknown][]} actions
 */
export function useKeys(actions) {
  const newest = useRef(actions);
  newest.current = actions;
  useEffect(() => {
    const ours = new Map(actions.map(([key], at) => [key, () => newest.current[at]?.[1]()]));
    ofScreen = ours;
    return () => {
      if (ofScreen === ours) ofScreen = new Map();
    };
  }, []);
}

/** @param {EventTarget | null} target */
function isField(target) {
  return target instanceof HTMLElement && target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]') !== null;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector('dialog[open]') !== null || isField(event.target)) return;
  if (event.key === 'Escape') ofScreen.get('Escape')?.();
  else if (letterKeys.value === 'on') onLetter(event);
}

/** @param {KeyboardEvent} event */
function onLetter(event) {
  const place = event.timeStamp - chordAtMs < CHORD_MS_MAX ? PLACES.get(event.key) : undefined;
  chordAtMs = event.key === 'g' ? event.timeStamp : -Infinity;
  const action = place ?? ofScreen.get(event.key) ?? EVERYWHERE.get(event.key);
  if (action === undefined) return;
  event.preventDefault();
  action();
}

export function listenToKeys() {
  document.addEventListener('keydown', onKey);
}
