// What is said aside: one short text for eyes and screen readers, such as "Copied". There is one
// polite status region on the page, and this is it.

import { html, signal } from '../vendor/preact.js';

/** How long a text stays for the eyes. */
const SHOWN_MS = 4000;

const said = signal({ text: '', isVisible: false });
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * @param {string} text
 * @param {{ isVisible?: boolean }} [options] an invisible one is for screen readers only
 */
export function say(text, { isVisible = true } = {}) {
  clearTimeout(timer);
  said.value = { text, isVisible };
  timer = setTimeout(() => (said.value = { text: '', isVisible: false }), SHOWN_MS);
}

/**
 * Copies a text and says so.
 * @param {string} text
 * @param {string} what "The curl command"
 */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} was copied.`);
  } catch {
    say(copyBySelection(text) ? `${what} was copied.` : `${what} could not be copied: the browser refused.`);
  }
}

/**
 * The old way, for pages over plain http, where there is no clipboard API.
 * @param {string} text
 */
function copyBySelection(text) {
  const field = document.createElement('textarea');
  const focused = document.activeElement;
  field.value = text;
  field.className = 'visually-hidden';
  (document.querySelector('dialog[open]') ?? document.body).append(field);
  field.select();
  const isDone = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isDone;
}

export function Said() {
  const { text, isVisible } = said.value;
  return html`<div role="status" class=${text !== '' && isVisible ? 'said' : 'visually-hidden'}>${text}</div>`;
}
