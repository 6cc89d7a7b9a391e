// One timer for every text that changes with time alone, such as "12 s ago".

import { signal } from '../vendor/preact.js';

/** Rises once a second while the page is looked at; whoever reads it is drawn again. */
export const second = signal(0);

setInterval(() => {
  if (!document.hidden) second.value += 1;
}, 1000);
