// The one dialog that asks before something is changed, the field in it, and the button that leads to it.

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
