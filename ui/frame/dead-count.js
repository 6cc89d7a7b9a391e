// How many dead letters are open, for the navigation. Asked for every half minute while somebody looks who
// may know it; the screen of dead letters tells it too, as soon as it has read it.

import { effect, signal, untracked } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { isOut, may, session } from './auth.js';

const EVERY_MS = 30_000;

export const nOpen = signal(0);

async function ask() {
  if (document.hidden || isOut(session.value) || !may('admin')) return;
  try {
    nOpen.value = JSON.parse(await request('/dead-letters')).counts.open;
  } catch {
    // The screen of dead letters says why; a number in the navigation need not.
  }
}

export function countDeadLetters() {
  setInterval(ask, EVERY_MS);
  effect(() => {
    if (session.value !== null) untracked(ask);
  });
}
