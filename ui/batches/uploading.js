// The upload that this page is busy with: one file, checked first if wanted, then sent. It goes on while other screens
// are shown; who closes the page is warned, and may go on later with the same file.

import { signal } from '../vendor/preact.js';

import { send, transfer, words } from '../lib/api.js';
import { formatOf, labelOf, tableFor } from '../lib/batch.js';
import { plain } from '../lib/escape.js';
import { batchHref, pathPart } from '../lib/route.js';
import { sendFile } from '../lib/upload.js';
import { go, route } from '../frame/navigate.js';
import { say } from '../frame/say.js';

/** @typedef {import('../lib/batch.js').RowError} RowError */
/** @typedef {{ rows: number, n_errors: number, errors: RowError[] }} Verdict of a dry run */
/**
 * @typedef {object} Upload
 * @property {File} file
 * @property {string} table
 * @property {string} type media type
 * @property {string} label
 * @property {boolean} isDry whether it is only checked
 * @property {string} key names the upload, so that it is one batch however often it is begun
 * @property {string | null} id the batch, once there is one
 * @property {'chosen' | 'checking' | 'checked' | 'sending' | 'paused' | 'failed'} phase
 * @property {number} bytes that have left
 * @property {{ ms: number, bytes: number } | null} since when it has gone on without trouble, and from where
 * @property {string} trouble what it waits for, in words
 * @property {Verdict | null} verdict
 */

export const upload = signal(/** @type {Upload | null} */ (null));

let stop = new AbortController();

/** @param {Partial<Upload>} change */
export function change(change) {
  if (upload.value !== null) upload.value = { ...upload.value, ...change };
}

/** @param {number} bytes that have left @param {string} [trouble] */
function moved(bytes, trouble = '') {
  const since = upload.value?.since ?? null;
  change({ bytes, trouble, since: trouble !== '' ? null : since ?? { ms: Date.now(), bytes } });
}

/** Whether a file is on its way. */
export const isBusy = () => upload.value !== null && ['checking', 'sending', 'paused'].includes(upload.value.phase);

window.addEventListener('beforeunload', (event) => {
  if (isBusy()) event.preventDefault();
});

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** @param {FileList | null | undefined} files @param {import('../lib/batch.js').Table[]} tables */
export function choose(files, tables) {
  const file = files?.[0];
  if (isBusy()) say('Another file is on its way.');
  if (file === undefined || isBusy()) return;
  if (Number(files?.length) > 1) say('One file is one batch: the first one was taken.');
  upload.value = {
    file, table: tableFor(file.name, tables), type: formatOf(file.name), label: labelOf(file.name), isDry: true, key: newKey(),
    id: null, phase: 'chosen', bytes: 0, since: null, trouble: '', verdict: null,
  };
}

/** @param {Upload} of @param {boolean} isDry */
function addressOf({ table, label }, isDry) {
  const query = new URLSearchParams({ ...(label !== '' && { label }), ...(isDry && { dry_run: 'true' }) });
  return `/tables/${pathPart(table)}/batches${query.size > 0 ? `?${query}` : ''}`;
}

/** Runs something that `stop` ends. @param {Upload['phase']} phase @param {(stop: AbortSignal) => Promise<void>} run */
async function busy(phase, run) {
  stop = new AbortController();
  const mine = stop;
  change({ phase, bytes: 0, since: null, trouble: '', verdict: null });
  try {
    await run(mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) change({ phase: 'failed', trouble: words(error) });
  }
}

/** Sends the file to be judged; nothing of it is stored. */
export function check() {
  return busy('checking', async (stop) => {
    const now = /** @type {Upload} */ (upload.value);
    const answer = await transfer({ method: 'POST', path: addressOf(now, true), headers: { 'content-type': now.type }, body: now.file, stop, onSent: moved });
    if (answer.status !== 200) throw answer.refusal();
    change({ phase: 'checked', verdict: JSON.parse(answer.text) });
    say('The file is checked.', { isVisible: false });
  });
}

/** Sends it, or what is left of it. */
export function start() {
  return busy('sending', async (stop) => {
    const now = /** @type {Upload} */ (upload.value);
    const id = await sendFile({
      file: now.file, path: addressOf(now, false), headers: { 'content-type': now.type, 'idempotency-key': now.key }, id: now.id, transfer, stop,
      wait: (ms) => new Promise((done) => setTimeout(done, ms)),
      tell: ({ id, bytes, trouble }) => {
        if (stop.aborted) return;
        change({ id });
        moved(bytes, trouble);
      },
    });
    if (stop.aborted) return;
    upload.value = null;
    // Whoever looks at something else meanwhile is not taken away from it.
    const shown = route.peek();
    if (shown.screen === 'batches' && shown.id === '') go(batchHref(id));
    else say(`${plain(now.file.name)} was sent.`);
  });
}

/** Goes on with a batch that was begun elsewhere, or before this page was. @param {File} file @param {import('../lib/batch.js').Batch} batch */
export function goOn(file, { id, table, label }) {
  upload.value = { file, table, type: formatOf(file.name), label: label ?? '', isDry: false, key: '', id, phase: 'sending', bytes: 0, since: null, trouble: '', verdict: null };
  return start();
}

export function pause() {
  stop.abort();
  change({ phase: 'paused' });
}

/** Forgets the file, and ends its batch where there is one. */
export async function forget() {
  stop.abort();
  const id = upload.value?.id ?? null;
  upload.value = null;
  if (id === null) return;
  try {
    await send('DELETE', `/batches/${pathPart(id)}`);
  } catch (error) {
    say(words(error));
  }
}
