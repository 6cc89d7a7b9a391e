// What the screens that administer are made of: the one dialog that asks before something is changed, its field,
// the button that leads to it, and the one table. On a phone each row of it becomes a block.

import { html, useLayoutEffect, useRef, useState } from '../vendor/preact.js';

import { words } from '../lib/api.js';
import { may } from './auth.js';
import { Untrusted } from './text.js';

/**
 * A form over everything else. It closes when its act succeeded, and says why when not; Escape and Cancel
 * close it too, and the focus goes back to where it was.
 * @param {{ title: any, submit: string, onSubmit: (form: FormData) => Promise<unknown>, onClose: () => void,
 *   isReady?: boolean, children?: any }} props
 */
export function Ask({ title, submit, onSubmit, onClose, isReady = true, children }) {
  const [fault, setFault] = useState('');
  const [isBusy, setIsBusy] = useState(false);
  /** @type {{ current: HTMLDialogElement | null }} */
  const dialog = useRef(null);
  useLayoutEffect(() => {
    const box = dialog.current;
    box?.showModal();
    // A dialog that is taken away while it is open gives the focus to nobody.
    return () => box?.close();
  }, []);
  const act = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    setIsBusy(true);
    setFault('');
    try {
      await onSubmit(new FormData(/** @type {HTMLFormElement} */ (event.target)));
      onClose();
    } catch (error) {
      setFault(words(error));
      setIsBusy(false);
    }
  };
  return html`<dialog ref=${dialog} class="help ask" aria-labelledby="ask-title" onCancel=${onClose} data-test="ask">
    <form onSubmit=${act}>
      <h2 id="ask-title">${title}</h2>
      ${children}
      ${fault !== '' && html`<p class="bad" role="alert" data-test="ask-fault"><${Untrusted} text=${fault} layout /></p>`}
      <p class="actions">
        <button class="primary" disabled=${isBusy || !isReady}>${submit}</button>
        <button type="button" onClick=${onClose}>Cancel</button>
      </p>
    </form>
  </dialog>`;
}

/** @param {{ label: any, hint?: any, children?: any }} props */
export function Field({ label, hint, children }) {
  return html`<label class="field"><span>${label}</span>${children}${hint !== undefined && html`<small class="muted">${hint}</small>`}</label>`;
}

/** A button for administrators; others see it, and why it does not work. @param {{ children?: any, disabled?: boolean, title?: string, [more: string]: any }} props */
export function Act({ children, disabled, title, ...more }) {
  const isAllowed = may('admin');
  return html`<button type="button" ...${more} disabled=${disabled || !isAllowed} title=${isAllowed ? title : 'Only with the scope admin'}>${children}</button>`;
}

/** Says once on a screen why its buttons do not work. */
export function LookOnly() {
  return may('admin') ? null : html`<p class="muted" data-test="look-only">You may look at this; changing it needs a token with the scope <code>admin</code>.</p>`;
}

/**
 * @param {{ caption: any, head: string[], rows: any[][], test: string }} props the first cell names its row; one that is a string, an
 *   amount with its unit, stays in one line
 */
export function Table({ caption, head, rows, test }) {
  return html`<table class="table" data-test=${test}>
    <caption>${caption}</caption>
    <thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>
      ${rows.map((cells) => html`<tr data-test=${`${test}-row`}>
        ${cells.map((cell, at) => (at === 0 ? html`<th scope="row">${cell}</th>` : html`<td data-label=${head[at]}><div class=${typeof cell === 'string' ? 'short' : undefined}>${cell}</div></td>`))}
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

/** How far something is, in words too. @param {{ label: string, share: number, text: string }} props `share` of 1 */
export function Bar({ label, share, text }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return html`<div class="bar-of">
    <div class="job-bar" role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${percent} aria-valuetext=${text}><span style=${{ width: `${percent}%` }}></span></div>
    <span data-test="bar-text">${text}</span>
  </div>`;
}
