// The one table of the screens that administer. On a phone each row becomes a block, and each cell says
// what it is.

import { html } from '../vendor/preact.js';

import { Untrusted } from './text.js';

/**
 * @param {{ caption: any, head: string[], rows: any[][], test: string }} props the first cell names its row
 */
export function Table({ caption, head, rows, test }) {
  return html`<table class="table" data-test=${test}>
    <caption>${caption}</caption>
    <thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>
      ${rows.map((cells) => html`<tr data-test=${`${test}-row`}>
        ${cells.map((cell, at) => (at === 0 ? html`<th scope="row">${cell}</th>` : html`<td data-label=${head[at]}><div>${cell}</div></td>`))}
      </tr>`)}
    </tbody>
  </table>`;
}

/** A text that may be missing. @param {{ text: string | null, charsMax?: number }} props */
export function Maybe({ text, charsMax = 120 }) {
  return text === null ? html`<span class="none">–</span>` : html`<${Untrusted} text=${text} charsMax=${charsMax} />`;
}

/** "events · page interaction / cta click" @param {{ of: { stream: string, category: string | null, name: string | null } }} props */
export function KeyText({ of: { stream, category, name } }) {
  return html`${stream !== 'events' && html`<span class="muted"><${Untrusted} text=${stream} /> ·</span> `}${category !== null && html`<span class="muted"><${Untrusted} text=${category} /> /</span> `}${name !== null
    ? html`<${Untrusted} text=${name} />`
    : category === null ? html`<span class="none">all${stream === 'events' ? ' events' : ''}</span>` : html`<span class="none">all</span>`}`;
}
