// One file on its way into a table: chosen by hand or dropped, checked, sent, paused, and what came of it.

import { html, useLayoutEffect, useRef } from '../vendor/preact.js';

import { bytes } from '../lib/amount.js';
import { FORMATS, isPacked, pace, rowsText } from '../lib/batch.js';
import { may } from '../frame/auth.js';
import { second } from '../frame/clock.js';
import { save } from '../frame/download.js';
import { Bar, Field, Table } from '../frame/parts.js';
import { count, Untrusted } from '../frame/text.js';
import { change, check, choose, forget, pause, start, upload } from './uploading.js';

/** @typedef {import('../lib/batch.js').Table} TableOf */
/** @typedef {import('../lib/batch.js').RowError} RowError */
/** @typedef {import('./uploading.js').Upload} Upload */

/** @param {{ tables: TableOf[] }} props */
export function Uploading({ tables }) {
  const now = upload.value;
  /** @type {{ current: HTMLElement | null }} */
  const box = useRef(null);
  // Its buttons come and go with each step; whoever pressed one stays here, and on none that does something else.
  const isHere = box.current?.contains(document.activeElement) ?? false;
  useLayoutEffect(() => {
    if (isHere && !box.current?.contains(document.activeElement)) box.current?.focus({ preventScroll: true });
  });
  return html`<section class="card upload" aria-label="Upload" tabindex="-1" ref=${box} data-test="upload">
    ${now === null
      ? html`<p class="actions"><${FileButton} label="Choose a file…" isPrimary onFile=${(/** @type {FileList | null} */ files) => choose(files, tables)} />
          <span class="muted">or drop one here: NDJSON, a JSON array or CSV, any size. All of its rows are stored, or none.</span></p>
          ${!may('admin') && html`<p class="muted" data-test="needs-write">Sending one needs a token with the scope <code>write</code> or <code>admin</code>.</p>`}`
      : html`<p class="upload-file"><b><${Untrusted} text=${now.file.name} charsMax=${120} /></b> <span class="muted">${bytes(now.file.size)}</span></p>
          ${now.phase === 'chosen' ? html`<${Chosen} now=${now} tables=${tables} />` : html`<${Going} now=${now} />`}`}
  </section>`;
}

/** A button that asks for a file. @param {{ label: string, isPrimary?: boolean, onFile: (files: FileList | null) => void }} props */
export function FileButton({ label, isPrimary = false, onFile }) {
  /** @type {{ current: HTMLInputElement | null }} */
  const input = useRef(null);
  const taken = () => {
    onFile(input.current?.files ?? null);
    if (input.current !== null) input.current.value = '';
  };
  return html`<button type="button" class=${isPrimary ? 'primary' : ''} onClick=${() => input.current?.click()} data-test="choose-file">${label}</button>
    <input type="file" hidden ref=${input} onChange=${taken} data-test="file" />`;
}

/** @param {{ now: Upload, tables: TableOf[] }} props */
function Chosen({ now, tables }) {
  const table = tables.find(({ name }) => name === now.table);
  const value = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (now.isDry) check();
    else start();
  };
  return html`<form onSubmit=${submit}>
    ${isPacked(now.file.name) && html`<p class="warn">⚠ This looks like a packed file. Send it with <code>eyas import</code> or curl, which say how it is packed.</p>`}
    <div class="fields-row">
      <${Field} label="Table"><select value=${now.table} onChange=${(/** @type {Event} */ event) => change({ table: value(event) })} data-test="table">
        ${tables.map(({ name }) => html`<option value=${name}>${name}</option>`)}</select><//>
      <${Field} label="Format"><select value=${now.type} onChange=${(/** @type {Event} */ event) => change({ type: value(event) })} data-test="format">
        ${FORMATS.map(([type, name]) => html`<option value=${type}>${name}</option>`)}</select><//>
    </div>
    <${Field} label="Label" hint="What this batch is called in lists."><input value=${now.label} maxlength="60" onInput=${(/** @type {Event} */ event) => change({ label: value(event) })} autocomplete="off" /><//>
    ${table !== undefined && html`<${Columns} table=${table} />`}
    <label class="check"><input type="checkbox" checked=${now.isDry} onChange=${() => change({ isDry: !now.isDry })} data-test="dry-run" /> Dry run: check every row, store none</label>
    <p class="actions">
      <button class="primary" data-test="go">${now.isDry ? 'Check the file' : 'Upload for real'}</button>
      <button type="button" onClick=${forget}>Remove</button>
    </p>
  </form>`;
}

/** @param {{ table: TableOf }} props */
function Columns({ table: { columns, mode, schema } }) {
  return html`<div data-test="columns">
    <ul class="columns" aria-label="Columns of the table">${columns.map(({ name, declared, nullable, has_default: hasDefault, generated }) => html`<li><b><${Untrusted} text=${name} charsMax=${60} /></b> <${Untrusted} text=${declared} charsMax=${40} />
      ${generated ? html` <span class="muted">comes by itself</span>` : hasDefault ? html` <span class="muted">has a default</span>` : !nullable && html` <span class="warn">needed</span>`}</li>`)}</ul>
    ${schema && html`<p class="muted">Each row is also checked by a JSON Schema.</p>`}
    ${mode === 'replace' && html`<p class="warn">⚠ The batch takes the place of all rows that the table has.</p>`}
  </div>`;
}

/** Beyond the choice. @param {{ now: Upload }} props */
function Going({ now }) {
  const { phase, file, verdict, trouble, since } = now;
  void second.value;
  const isChecking = phase === 'checking';
  const share = file.size > 0 ? now.bytes / file.size : 1;
  if (phase === 'checked' && verdict !== null) return html`<${Checked} verdict=${verdict} />`;
  if (phase === 'failed') {
    return html`<p class="bad" role="alert" data-test="upload-fault">✗ <${Untrusted} text=${trouble} layout /></p>
      <p class="actions"><button class="primary" onClick=${() => (now.isDry ? check() : start())}>Try again</button><button onClick=${forget}>Remove</button></p>`;
  }
  return html`
    <${Bar} label=${isChecking ? 'Sent to be checked' : 'Sent'} share=${share} text=${`${bytes(Math.min(now.bytes, file.size))} of ${bytes(file.size)}`} />
    ${since !== null && phase !== 'paused' && html`<p class="muted" data-test="pace">${pace({ from: since.bytes, done: now.bytes, total: file.size, ms: Date.now() - since.ms }, (perS) => `${bytes(perS)}/s`)}</p>`}
    <p data-test="upload-state">${phase === 'paused' ? '❚❚ Paused: nothing of it is in the table yet.' : isChecking ? 'Checking: nothing is stored.' : trouble === '' ? 'Sending: keep this page open.' : html`<span class="warn">⚠ <${Untrusted} text=${trouble} /> Trying again…</span>`}</p>
    <p class="actions">
      ${phase === 'sending' && html`<button onClick=${pause} data-test="pause-upload">Pause</button>`}
      ${phase === 'paused' && html`<button class="primary" onClick=${start} data-test="resume-upload">Resume</button>`}
      <button onClick=${forget} data-test="stop-upload">${isChecking ? 'Stop' : 'Cancel the batch'}</button>
    </p>`;
}

/** @param {{ verdict: import('./uploading.js').Verdict }} props */
function Checked({ verdict: { rows, n_errors: nErrors, errors } }) {
  const again = () => {
    change({ isDry: false });
    start();
  };
  const keep = () => save(errors.map((error) => `${JSON.stringify(error)}\n`).join(''), 'application/x-ndjson', 'eyas-dry-run-errors.ndjson');
  return html`
    ${nErrors === 0
      ? html`<p class="ok" data-test="verdict">✓ ${rowsText(rows)} checked, and none is wrong. Nothing was stored yet.</p>`
      : html`<p class="bad" role="alert" data-test="verdict">✗ ${count(nErrors)} ${nErrors === 1 ? 'error' : 'errors'} in ${rowsText(rows)}. Nothing was stored.</p>`}
    <p class="actions">
      ${nErrors === 0 && html`<button class="primary" onClick=${again} data-test="for-real">Upload for real</button>`}
      <button onClick=${forget}>${nErrors === 0 ? 'Remove' : 'Choose another file'}</button>
      ${nErrors > 0 && html`<button onClick=${keep} data-test="save-errors">Save ${errors.length < nErrors ? 'these' : 'the'} ${errors.length === 1 ? 'error' : `${count(errors.length)} errors`} (NDJSON)</button>`}
    </p>
    ${nErrors > 0 && html`<${Errors} errors=${errors} nErrors=${nErrors} />`}`;
}

/** Rows that are wrong, the first of them; `isCut`: nobody has looked for more. @param {{ errors: RowError[], nErrors: number, isCut?: boolean }} props */
export function Errors({ errors, nErrors, isCut = false }) {
  const first = `The first ${count(errors.length)}`;
  return html`<${Table} caption=${isCut ? `${first} errors: the database was asked for no more` : errors.length < nErrors ? `${first} of ${count(nErrors)} errors` : 'Every error'} test="row-errors" head=${['Line', 'Where', 'Rule', 'Why']}
    rows=${errors.map(({ row, line, pointer, rule, detail }) => [
      html`line ${count(line)}<span class="line muted">row ${count(row)}</span>`, pointer === '' ? html`<span class="none">the row</span>` : html`<code><${Untrusted} text=${pointer} charsMax=${120} /></code>`,
      html`<${Untrusted} text=${rule} charsMax=${60} />`, html`<${Untrusted} text=${detail} charsMax=${400} />`,
    ])} />`;
}
