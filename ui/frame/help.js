// The help dialog: all keys, and the settings that concern keys and screen readers.

import { html, signal, useEffect, useRef } from '../vendor/preact.js';

import { announcing, letterKeys } from './settings.js';

export const helpOpen = signal(false);

/** @type {[string, [string[], string][]][]} */
const KEYS = [
  ['Everywhere', [
    [['?'], 'this help'],
    [['g', 'l'], 'go to Live'],
    [['g', 'e'], 'go to Events'],
    [['g', 'd'], 'go to Dead letters'],
    [['g', 'h'], 'go to Health'],
    [['g', 'b'], 'go to Batches'],
    [['g', 's'], 'go to Schemas'],
    [['g', 'a'], 'go to Applications'],
    [['g', 'q'], 'go to SQL'],
    [['g', 'o'], 'go to the API’s pages'],
    [['t'], 'relative, local or UTC time'],
  ]],
  ['On Live and Events', [
    [['/'], 'write a filter'],
    [['Space'], 'pause and resume, while Live’s list has the focus'],
    [['.'], 'on Live: resume and jump to the newest'],
    [['j', 'k'], 'next and previous row; so do ↓ and ↑ in the list'],
    [['Enter'], 'open the row'],
    [['Esc'], 'close, and back to the row'],
  ]],
  ['With an event open', [
    [['[', ']'], 'newer and older event'],
    [['c'], 'copy the event as JSON'],
    [['Shift', 'C'], 'copy the curl command that sends it'],
    [['y'], 'copy its link'],
    [['←', '→'], 'close and open a part of the tree, while it has the focus'],
  ]],
  ['On Dead letters', [
    [['j', 'k'], 'next and previous row'],
    [['x'], 'select the row'],
    [['Shift', 'R'], 'replay: this one, the selected, or all that match'],
  ]],
];

export function Help() {
  /** @type {{ current: HTMLDialogElement | null }} */
  const dialog = useRef(null);
  const isOpen = helpOpen.value;
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return html`
    <dialog ref=${dialog} class="help" aria-labelledby="help-title" onClose=${() => (helpOpen.value = false)}>
      <div class="help-head">
        <h2 id="help-title">Help</h2>
        <button class="quiet" onClick=${() => (helpOpen.value = false)}>Close</button>
      </div>
      <h3>Filter</h3>
      <p>
        Write <code>category:"page interaction"</code>, <code>name:cta*</code>, <code>valid:false</code>,${' '}
        <code>session:…</code>, <code>stream:…</code> or <code>app:…</code> and press Enter. Different fields
        are joined by “and”, values of one field by “or”. A <code>*</code> at the end matches a beginning.
        A text without a field, such as <code>cta</code>, is searched for in id, session, category, name and application;
        a whole UUID goes to its event or session.
      </p>
      ${KEYS.map(
        ([where, keys]) => html`<h3>${where}</h3>
          <dl class="keys">
            ${keys.map(
              ([signs, what]) => html`<dt>${signs.map((sign) => html`<kbd>${sign}</kbd>`)}</dt>
                <dd>${what}</dd>`,
            )}
          </dl>`,
      )}
      <h3>Settings</h3>
      <label class="check">
        <input type="checkbox" checked=${letterKeys.value === 'on'} onChange=${toggle(letterKeys)} />
        Keys of a single letter or sign
      </label>
      <label class="check">
        <input type="checkbox" checked=${announcing.value === 'on'} onChange=${toggle(announcing)} />
        Announce a summary to screen readers, at most every 10 s
      </label>
    </dialog>
  `;
}

/** @param {{ value: 'on' | 'off' }} setting */
function toggle(setting) {
  return () => {
    setting.value = setting.value === 'on' ? 'off' : 'on';
  };
}
