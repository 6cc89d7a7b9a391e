// What a person has chosen for this browser: time mode, theme, keys, announcements. Kept in
// localStorage; where there is none, the choices last until the page is left.

import { effect, signal } from '../vendor/preact.js';

import { TIME_MODES } from '../lib/time.js';

/** @typedef {'auto' | 'light' | 'dark'} Theme */

/** @type {Theme[]} */
const THEMES = ['auto', 'light', 'dark'];

/**
 * A signal that remembers its value.
 * @template {string} T
 * @param {string} name
 * @param {T[]} choices the first is the default
 */
function choice(name, choices) {
  const key = `eyas.${name}`;
  /** @type {string | null} */
  let kept = null;
  try {
    kept = localStorage.getItem(key);
  } catch {
    // Storage is forbidden here: the default holds.
  }
  const found = choices.find((value) => value === kept) ?? /** @type {T} */ (choices[0]);
  const value = signal(found);
  let isFirst = true;
  effect(() => {
    const text = value.value;
    if (!isFirst) {
      try {
        localStorage.setItem(key, text);
      } catch {
        // As above.
      }
    }
    isFirst = false;
  });
  return value;
}

export const timeMode = choice('time', TIME_MODES);
export const theme = choice('theme', THEMES);
/** Most events a second that the list is sent; above it the server sends a sample. */
export const liveRate = choice('rate', ['500', '5000']);
/** Single-letter keys can be switched off wholesale (WCAG 2.1.4). */
export const letterKeys = choice('keys', ['on', 'off']);
/** Whether a summary of what arrives is announced to screen readers. */
export const announcing = choice('announce', ['off', 'on']);

effect(() => {
  const root = document.documentElement;
  if (theme.value === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme.value;
});

/**
 * @template T
 * @param {T[]} choices
 * @param {T} value
 */
function following(choices, value) {
  return /** @type {T} */ (choices[(choices.indexOf(value) + 1) % choices.length]);
}

export function nextTimeMode() {
  timeMode.value = following(TIME_MODES, timeMode.value);
}

export function nextTheme() {
  theme.value = following(THEMES, theme.value);
}
