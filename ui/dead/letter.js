// One dead letter, /ui/dead/<seq>: what it is, why the database refused it, and what can be done. And the
// dialog that asks before letters are replayed, discarded or restored, and says exactly how many.

import { html, useEffect, useState } from '../vendor/preact.js';

import { ApiError, request, send, words } from '../lib/api.js';
import { splitEvent } from '../lib/raw-json.js';
import { eventHref, isAddressable, sessionHref } from '../lib/route.js';
import { Data } from '../event/data.js';
import { second } from '../frame/clock.js';
import { Act, Ask, Field, KeyText, Maybe } from '../frame/parts.js';
import { Failure, failureOf } from '../frame/failure.js';
import { useKeys } from '../frame/keys.js';
import { say } from '../frame/say.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { jobBegun, Jobs, jobsChanged } from '../jobs/jobs.js';
import { nowMs } from '../live/live.js';

/** @typedef {import('./screen.js').Letter & { timestamp: string | null, received_at: string }} Whole */

/** @type {Map<Whole['state'], [string, string]>} */
const STATES = new Map([['open', ['bad', '☠ dead, open']], ['replayed', ['ok', '✓ replayed']], ['discarded', ['none', '○ discarded']]]);

/** @param {{ seq: string }} props */
export function LetterPage({ seq }) {
  const [event, setEvent] = useState(/** @type {import('../lib/raw-json.js').RawEvent | null} */ (null));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  const [act, setAct] = useState(/** @type {import('./letter.js').Kind | null} */ (null));
  const load = async () => {
    try {
      setEvent(splitEvent(await request(`/dead-letters/${encodeURIComponent(seq)}`)));
      setFailure(null);
    } catch (error) {
      const isMissing = error instanceof ApiError && (error.status === 404 || error.status === 400);
      setFailure(failureOf(isMissing ? 'There is no such dead letter.' : 'The dead letter could not be read.', error));
    }
  };
  useEffect(() => void load(), []);
  void second.value;
  const letter = event === null ? null : /** @type {Whole} */ (/** @type {unknown} */ (event.envelope));
  useKeys([['R', () => letter?.state === 'open' && setAct('replay')]]);
  return html`<main class="page" data-test="letter">
    <p><a href="/ui/dead">All dead letters</a></p>
    <${Jobs} onEnd=${load} />
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${load} />`}
    ${letter === null || event === null
      ? html`<h1 class=${failure === null ? '' : 'visually-hidden'} tabindex="-1">Dead letter</h1>`
      : html`<div class="page-head"><h1 tabindex="-1"><${StateWord} state=${letter.state} /> <${KeyText} of=${letter} /></h1></div>
        <p class="words" data-test="words"><${Untrusted} text=${letter.detail} charsMax=${4000} layout /></p>
        <${Facts} letter=${letter} />
        <p class="actions">
          ${letter.state === 'open' && html`<${Act} class="primary" onClick=${() => setAct('replay')} title="Shift+R" data-test="replay-this">Replay…<//>
            <${Act} onClick=${() => setAct('discard')} data-test="discard-this">Discard…<//>`}
          ${letter.state === 'discarded' && html`<${Act} onClick=${() => setAct('restore')} data-test="restore-this">Restore…<//>`}
        </p>
        <${Data} event=${event} errors=${new Map()} />`}
    ${act !== null && letter !== null && html`<${AskAct} kind=${act} scope=${{ seqs: [letter.seq] }} nRoughly=${1} onClose=${() => setAct(null)} again=${load} />`}
  </main>`;
}

/** @param {{ state: Whole['state'] }} props */
function StateWord({ state }) {
  const [kind, words] = STATES.get(state) ?? ['', state];
  return html`<span class=${kind}>${words}</span>`;
}

/** @param {{ letter: Whole }} props */
function Facts({ letter }) {
  const { id, stream, session_id: session, application, reason, attempts, note } = letter;
  const time = (/** @type {string | null} */ at) => (at === null ? html`<span class="none">–</span>` : html`<${Time} at=${at} nowMs=${nowMs()} />`);
  return html`<dl class="fields" data-test="letter-facts">
    <dt>Reason</dt><dd><${Untrusted} text=${reason} />, refused ${count(attempts)} ${attempts === 1 ? 'time' : 'times'}</dd>
    <dt>Died</dt><dd>${time(letter.dead_at)}</dd>
    ${letter.state !== 'open' && html`<dt>Since</dt><dd>${time(letter.state_at)}${letter.acted_by !== null && html` by <${Untrusted} text=${letter.acted_by} />`}</dd>`}
    ${note !== null && html`<dt>Why</dt><dd data-test="note"><${Untrusted} text=${note} /></dd>`}
    <dt>Received</dt><dd>${time(letter.received_at)}</dd>
    <dt>Happened</dt><dd>${time(letter.timestamp)}</dd>
    <dt>Application</dt><dd><${Maybe} text=${application} /></dd>
    <dt>Session</dt><dd>${session !== null && isAddressable(session) ? html`<a href=${sessionHref(session)}><${Untrusted} text=${session} /></a>` : html`<${Maybe} text=${session} />`}</dd>
    <dt>Event</dt><dd><a href=${eventHref(id, stream === 'events' ? null : stream)}><${Untrusted} text=${id} /></a></dd>
    <dt>Sequence</dt><dd>${letter.seq}</dd>
  </dl>`;
}

/** More than this is not done by one press of a button. */
const SURE_MAX = 1000;

/** @typedef {'replay' | 'discard' | 'restore'} Kind */
/** @typedef {{ seqs: number[] } | { filter: object }} Scope */
/** @typedef {{ count: number, oldest: string | null, newest: string | null, left_out: number }} Preview */

/** @type {{ [kind in Kind]: string }} */
const VERBS = { replay: 'Replay', discard: 'Discard', restore: 'Restore' };

/** @param {{ kind: Kind, scope: Scope, nRoughly: number, onClose: () => void, again: () => void }} props `nRoughly` as the list counted them */
export function AskAct({ kind, scope, nRoughly, onClose, again }) {
  const [preview, setPreview] = useState(/** @type {Preview | null} */ (null));
  const [fault, setFault] = useState('');
  const [isRepeated, setIsRepeated] = useState('seqs' in scope);
  const [typed, setTyped] = useState('');
  useEffect(() => {
    if (kind !== 'replay') return;
    send('POST', '/dead-letters/replay', { ...scope, dry_run: true, include_repeated: isRepeated }).then(setPreview, (error) => setFault(words(error)));
  }, [isRepeated]);
  const n = kind === 'replay' ? preview?.count ?? 0 : nRoughly;
  const isSure = n <= SURE_MAX || typed.replace(/\D/g, '') === String(n);
  const submit = async (/** @type {FormData} */ form) => {
    if (kind === 'replay') {
      const body = { ...scope, rate: Number(form.get('rate')), stop_after: Number(form.get('stop_after')), include_repeated: isRepeated };
      try {
        jobBegun((await send('POST', '/dead-letters/replay', body)).job);
      } catch (error) {
        // The job that runs stands on the screen behind this dialog.
        if (error instanceof ApiError && error.code === 'job_running') jobsChanged();
        throw error;
      }
    } else if (kind === 'discard') say(`${count((await send('POST', '/dead-letters/discard', { ...scope, note: String(form.get('note')).trim() })).discarded)} discarded.`);
    else say(`${count((await send('POST', '/dead-letters/restore', scope)).restored)} restored: they are open again.`);
    again();
  };
  return html`<${Ask} title=${`${VERBS[kind]} dead letters`} submit=${`${VERBS[kind]} ${count(n)}`} isReady=${n > 0 && isSure} onSubmit=${submit} onClose=${onClose}>
    ${fault !== '' && html`<p class="bad" role="alert"><${Untrusted} text=${fault} /></p>`}
    ${kind === 'replay' && html`<${ReplayFields} preview=${preview} isRepeated=${isRepeated} setIsRepeated=${setIsRepeated} />`}
    ${kind === 'discard' && html`<p><b>${count(n)}</b> will not be tried again. They are kept, and can be restored.</p>
      <${Field} label="Why" hint="It stands beside each of them, and in the audit."><input name="note" required maxlength="250" autocomplete="off" /><//>`}
    ${kind === 'restore' && html`<p><b>${count(n)}</b> become open again.</p>`}
    ${n > SURE_MAX && html`<${Field} label=${html`Type <b>${count(n)}</b> to go on`}>
      <input name="sure" value=${typed} inputmode="numeric" autocomplete="off" onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} /><//>`}
  <//>`;
}

/** @param {{ preview: Preview | null, isRepeated: boolean, setIsRepeated: (is: boolean) => void }} props */
function ReplayFields({ preview, isRepeated, setIsRepeated }) {
  const leftOut = preview?.left_out ?? 0;
  return html`
    <p data-test="preview">${preview === null ? 'Counting…' : html`<b>${count(preview.count)}</b> ${preview.count === 1 ? 'event' : 'events'}${preview.oldest !== null && preview.newest !== null &&
      html`, the oldest <${Time} at=${preview.oldest} nowMs=${nowMs()} />, the newest <${Time} at=${preview.newest} nowMs=${nowMs()} />`}.`}
      ${leftOut > 0 && html` <span class="warn">${count(leftOut)} left out: the database refused them three times or more.</span>`}</p>
    <p>They go the way that every event goes, to the same database. Id and sequence stay the same; an id that is stored already is skipped.</p>
    ${(leftOut > 0 || isRepeated) && html`<label class="check"><input type="checkbox" checked=${isRepeated} onChange=${() => setIsRepeated(!isRepeated)} data-test="repeated" /> Try those again, too, that were refused three times or more</label>`}
    <div class="fields-row">
      <${Field} label="At most so many a second"><input name="rate" type="number" min="1" max="10000" defaultValue="200" required /><//>
      <${Field} label="Stop after so many failures"><input name="stop_after" type="number" min="1" max="1000000" defaultValue="50" required /><//>
    </div>
  `;
}
