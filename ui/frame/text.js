// How texts of events, numbers and times stand on the screen. The only door for untrusted text:
// escapes made visible, text nodes only, direction isolated by the class `u`.

import { html } from '../vendor/preact.js';

export { count } from '../lib/amount.js';
import { cut, plain, segments } from '../lib/escape.js';
import { clock, exact } from '../lib/time.js';
import { timeMode } from './settings.js';

/**
 * A text that came with an event.
 * @param {{ text: string, charsMax?: number, layout?: boolean }} props `layout` lets line breaks through
 */
export function Untrusted({ text, charsMax = 1000, layout = false }) {
  const shown = cut(text, charsMax);
  const parts = segments(shown, { layout });
  if (shown.length < text.length) parts.push({ text: '…', escaped: true });
  return html`<span class="u"
    >${parts.map((part) => (part.escaped ? html`<span class="esc">${part.text}</span>` : part.text))}</span
  >`;
}

/**
 * A moment in the chosen mode; its title has local time, UTC and the zone.
 * @param {{ at: string, nowMs: number }} props `at` is RFC 3339
 */
export function Time({ at, nowMs }) {
  return html`<time datetime=${plain(at)} title=${plain(exact(at)).replace('\\u000A', '\n')}
    >${plain(clock(at, timeMode.value, nowMs))}</time
  >`;
}
