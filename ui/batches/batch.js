// One batch, /ui/batches/<id>: all of it or nothing, what is wrong with it, and how long each part of its way took.

import { html, useEffect, useState } from '../vendor/preact.js';

import { bytes, reading } from '../lib/amount.js';
import { request, send } from '../lib/api.js';
import { BATCH_STATES, firstOf, isCancellable, isOver, outcome, pace, phases, progressOf, rowsText, speed } from '../lib/batch.js';
import { batchHref, pathPart } from '../lib/route.js';
import { delta } from '../lib/time.js';
import { second } from '../frame/clock.js';
import { download } from '../frame/download.js';
import { useDropped } from '../frame/dropped.js';
import { Failure, failureOf } from '../frame/failure.js';
import { go } from '../frame/navigate.js';
import { Ask, Maybe, Table } from '../frame/parts.js';
import { say } from '../frame/say.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { nowMs } from '../live/live.js';
import { MOVING_MS, Progress, SameAs, usePace } from './state.js';
import { Errors, FileButton, Uploading } from './upload.js';
import { goOn, isBusy, upload } from './uploading.js';

/** Errors that are shown; the file has all of them. The database is asked for as many. */
const ERRORS = 100;

/** @typedef {import('../lib/batch.js').Batch} Batch */
/** @typedef {import('../lib/batch.js').RowError} RowError */

/** @param {{ id: string }} props */
export function BatchPage({ id }) {
  const path = `/batches/${pathPart(id)}`;
  const [everyMs, setEveryMs] = useState(MOVING_MS);
  /** @type {import('../health/poll.js').Polled<Batch>} */
  const { value: batch, failure, again } = usePolled(path, everyMs, 'The batch could not be read.');
  void second.value;
  usePace(batch === null ? [] : [batch], setEveryMs);
  if (failure?.status === 404 && batch === null) {
    return html`<main class="page"><div class="empty" data-test="no-batch"><h1 tabindex="-1">There is no such batch</h1>
      <p><code><${Untrusted} text=${id} /></code></p><p><a href="/ui/batches">All batches</a></p></div></main>`;
  }
  return html`<main class="page" data-test="batch">
    <p><a href="/ui/batches">All batches</a></p>
    <div class="page-head"><h1 tabindex="-1"><${Untrusted} text=${batch?.label ?? id} charsMax=${120} /></h1>
      ${batch !== null && isCancellable(batch) && html`<${Cancel} batch=${batch} path=${path} again=${again} />`}
      ${batch?.rows_kept === true && html`<${Revalidate} batch=${batch} path=${path} />`}</div>
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    ${batch === null ? failure === null && html`<p>Reading…</p>` : html`<${Whole} batch=${batch} path=${path} />`}
  </main>`;
}

/** @param {{ batch: Batch, path: string, again: () => void }} props */
function Cancel({ batch, path, again }) {
  const [isAsking, setIsAsking] = useState(false);
  const submit = async () => {
    await send('DELETE', path);
    again();
  };
  return html`<button onClick=${() => setIsAsking(true)} data-test="cancel">Cancel the batch…</button>
    ${isAsking && html`<${Ask} title="Cancel this batch?" submit="Cancel the batch" onSubmit=${submit} onClose=${() => setIsAsking(false)}>
      <p>None of its ${count(batch.rows)} rows is in the table, and none will be. To have them after all, send it again.</p><//>`}`;
}

/** What the database refused is checked and stored again, as a batch of its own. @param {{ batch: Batch, path: string }} props */
function Revalidate({ batch, path }) {
  const [isAsking, setIsAsking] = useState(false);
  const submit = async () => go(batchHref((await send('POST', `${path}/revalidate`)).id));
  return html`<button onClick=${() => setIsAsking(true)} data-test="revalidate">Re-validate…</button>
    ${isAsking && html`<${Ask} title="Check and store these rows again?" submit="Re-validate" onSubmit=${submit} onClose=${() => setIsAsking(false)}>
      <p>The server has kept ${rowsText(batch.rows)}. Once the cause is mended, they need not be sent again: they become a new batch, and all of them are stored, or none.</p>
      ${batch.mode === 'replace' && html`<p class="warn">⚠ They take the place of all rows that the table has now, newer ones too.</p>`}<//>`}`;
}

/** @param {{ batch: Batch, path: string }} props */
function Whole({ batch, path }) {
  const first = firstOf(batch);
  const [className, glyph] = first !== null ? ['', '='] : BATCH_STATES.get(batch.state) ?? ['', ''];
  const kind = className === 'ok' || className === 'bad' ? className : 'calm';
  useEffect(() => {
    if (isOver(batch)) say(outcome(batch), { isVisible: false });
  }, [batch.state]);
  const isOurs = upload.value?.id === batch.id;
  return html`
    <div class=${`sentence sentence-${kind}`} data-test="outcome"><span aria-hidden="true">${glyph}</span> ${first !== null && html`<${SameAs} id=${first} />. `}<span class="u">${outcome(batch)}</span>
      ${batch.detail !== null && html`<p class="batch-detail"><${Untrusted} text=${batch.detail} layout /></p>`}
      ${batch.state === 'rejected' && html`<p class="batch-detail muted" data-test="rows-kept">${batch.rows_kept ? 'Its rows are kept for a day: once the cause is mended, re-validate them.' : 'Its rows are not kept: correct them, and send them again.'}</p>`}
    </div>
    ${progressOf(batch).share !== null && html`<div><${Progress} batch=${batch} /><p class="muted" data-test="pace">${applyingPace(batch)}</p></div>`}
    ${isOurs ? html`<${Uploading} tables=${[]} />` : batch.state === 'receiving' && batch.upload_offset !== null && html`<${GoOn} batch=${batch} />`}
    ${batch.errors > 0 && html`<${BatchErrors} batch=${batch} path=${path} />`}
    <${Table} caption="How long it took" test="phases" head=${['Phase', 'Time', 'Speed']}
      rows=${phases(batch, nowMs()).map(({ what, ms, rows, isRunning }) => [what, `${delta(ms)}${isRunning ? ' so far' : ''}`, rows === 0 ? html`<span class="none">–</span>` : `${reading(speed(rows, ms), 'count')} rows/s`])} />
    <${Facts} batch=${batch} />`;
}

/** @param {Batch} batch */
function applyingPace({ rows_applied: done, rows: total, started_at: startedAt }) {
  return pace({ from: 0, done, total, ms: startedAt === null ? 0 : nowMs() - Date.parse(startedAt) }, (perS) => `${reading(perS, 'count')} rows/s`);
}

/** An upload that was broken off goes on where the server has its end. @param {{ batch: Batch }} props */
function GoOn({ batch }) {
  const take = (/** @type {FileList | null} */ files) => {
    const file = files?.[0];
    if (file !== undefined && !isBusy()) goOn(file, batch);
  };
  useDropped(take);
  return html`<section class="card upload" aria-label="Continue the upload" data-test="go-on">
    <p>${bytes(batch.upload_offset ?? 0)} of the file are here. If nobody sends it any more, choose the same file or drop it here, and only the rest is sent.</p>
    <p class="actions"><${FileButton} label="Continue with the file…" onFile=${take} /></p>
  </section>`;
}

/** @param {{ batch: Batch, path: string }} props */
function BatchErrors({ batch, path }) {
  const [errors, setErrors] = useState(/** @type {RowError[] | null} */ (null));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  const [attempt, setAttempt] = useState(0);
  const nErrors = batch.errors;
  useEffect(() => {
    const stop = new AbortController();
    request(`${path}/errors?limit=${ERRORS}`, { signal: stop.signal }).then(
      (text) => (setErrors(JSON.parse(text).errors), setFailure(null)),
      (error) => stop.signal.aborted || setFailure(failureOf('The errors could not be read.', error)),
    );
    return () => stop.abort();
  }, [attempt, batch.state]);
  return html`<section aria-label="Errors">
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${() => setAttempt(attempt + 1)} />`}
    ${errors !== null && html`
      <p class="actions"><button onClick=${() => download(`${path}/errors`, 'application/x-ndjson', 'eyas-batch-errors.ndjson')} data-test="all-errors">Download all errors (NDJSON)</button></p>
      <${Errors} errors=${errors} nErrors=${nErrors} isCut=${batch.started_at !== null && nErrors === ERRORS} />`}
  </section>`;
}

/** @param {{ batch: Batch }} props */
function Facts({ batch }) {
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const at = (/** @type {string | null} */ moment) => (moment === null ? '–' : html`<${Time} at=${moment} nowMs=${nowMs()} />`);
  return html`<section class="card" aria-label="Facts"><dl class="numbers batch-facts" data-test="batch-facts">
    ${fact('table', html`<${Untrusted} text=${batch.table} />`)}
    ${fact('mode', batch.mode)}
    ${fact('rows', count(batch.rows))}
    ${fact('bytes received', bytes(batch.bytes))}
    ${fact('application', html`<${Maybe} text=${batch.application} />`)}
    ${fact('sent by', html`<${Untrusted} text=${batch.sent_by} charsMax=${120} />`)}
    ${fact('begun', at(batch.created_at))}
    ${fact('whole', at(batch.received_at))}
    ${fact('applied from', at(batch.started_at))}
    ${fact('ended', at(batch.ended_at))}
    ${batch.revalidates !== null && html`<div><dt>rows of</dt><dd><a href=${batchHref(batch.revalidates)} data-test="revalidates"><${Untrusted} text=${batch.revalidates} charsMax=${40} /></a></dd></div>`}
    ${fact('id', html`<code><${Untrusted} text=${batch.id} /></code>`)}
    ${fact('idempotency key', html`<code><${Maybe} text=${batch.idempotency_key} charsMax=${128} /></code>`)}
    ${fact('hash of its rows', html`<code><${Untrusted} text=${batch.hash} /></code>`)}
  </dl></section>`;
}
