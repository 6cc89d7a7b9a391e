// The address bar is the state of the console: which screen, which filter, which open event, which
// range. Everything that opens something goes to an address; screens read `route`.
//
// Links inside the console change the address without loading the page again, so that the list of
// Live and its connection stay.

import { signal } from '../vendor/preact.js';

import { parseRoute } from '../lib/route.js';

/** @typedef {import('../lib/route.js').Route} Route */

/** Where we are. */
export const route = signal(parseRoute(location.pathname, location.search));

/**
 * @param {string} href an address below /ui/
 * @param {{ replace?: boolean, state?: unknown }} [options] `replace` adds no step to the history
 */
export function go(href, { replace = false, state = null } = {}) {
  if (replace) history.replaceState(state, '', href);
  else history.pushState(state, '', href);
  arrive();
}

/** The same screen with one parameter set to these values. @param {string} name @param {string[]} values */
export function setParameter(name, ...values) {
  const query = new URLSearchParams(location.search);
  query.delete(name);
  for (const value of values) query.append(name, value);
  go(`${location.pathname}${query.size > 0 ? `?${query}` : ''}`);
}

function arrive() {
  const screen = route.peek().screen + route.peek().id;
  route.value = parseRoute(location.pathname, location.search);
  if (route.peek().screen + route.peek().id === screen) return;
  // A person went somewhere else: screen readers and the keyboard begin there.
  requestAnimationFrame(() => document.querySelector('h1')?.focus({ preventScroll: true }));
}

/** @param {MouseEvent} event */
function onClick(event) {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (link === null || !isPlain || event.defaultPrevented || link.target !== '') return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !/^\/ui(\/|$)/.test(url.pathname) || url.hash !== '') return;
  event.preventDefault();
  go(url.pathname + url.search);
}

export function listenToNavigation() {
  window.addEventListener('popstate', arrive);
  document.addEventListener('click', onClick);
}
