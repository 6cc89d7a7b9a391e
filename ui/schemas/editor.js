// A text of JSON to write in: a plain field with the numbers of its lines. Tab indents; after Escape, Tab leaves.

import { html, useRef } from '../vendor/preact.js';

import { plain } from '../lib/escape.js';

/** @param {{ text: string, onText: (text: string) => void, fault: number | null }} props `fault` is the first character that is no JSON */
export function Editor({ text, onText, fault }) {
  const isLeaving = useRef(false);
  const n = text.split('\n').length;
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Tab' && !event.shiftKey && !isLeaving.current) {
      event.preventDefault();
      const field = /** @type {HTMLTextAreaElement} */ (event.target);
      field.setRangeText('  ', field.selectionStart, field.selectionEnd, 'end');
      onText(field.value);
    }
    if (event.key !== 'Shift') isLeaving.current = event.key === 'Escape';
  };
  const before = fault === null ? [] : text.slice(0, fault).split('\n');
  return html`
    <div class="editor">
      <pre class="editor-lines" aria-hidden="true">${Array.from({ length: n }, (_, at) => at + 1).join('\n')}</pre>
      <textarea aria-label="The schema, as JSON" aria-describedby="editor-help" rows=${n} wrap="off" spellcheck=${false} autocomplete="off" value=${text}
        onInput=${(/** @type {any} */ event) => onText(event.target.value)} onKeyDown=${onKey} data-test="editor"></textarea>
    </div>
    <p id="editor-help" class=${fault === null ? 'muted' : 'bad'} data-test="editor-help">${fault === null
      ? 'JSON Schema 2020-12. Tab indents; Escape, then Tab, leaves the field.'
      : `No JSON: line ${before.length}, character ${(before.at(-1)?.length ?? 0) + 1}${fault < text.length ? `, at ${plain(text.slice(fault, fault + 12))}` : ', where it ends'}.`}</p>
  `;
}
