// One dead letter, /ui/dead/<seq>: what it is, why the database refused it, and what can be done.

import { html, useEffect, useState } from '../vendor/preact.js';

import { ApiError, request } from '../lib/api.js';
import { splitEvent } from '../lib/raw-json.js';
import { eventHref, isAddressable, sessionHref } from '../lib/route.js';
import { Data } from '../event/data.js';
import { second } from '../frame/clock.js';
import { Act } from '../frame/dialog.js';
import { Failure, failureOf } from '../frame/failure.js';
import { useKeys } from '../frame/keys.js';
import { KeyText, Maybe } from '../frame/table.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { Jobs } from '../jobs/jobs.js';
import { nowMs } from '../live/live.js';
import { AskAct } from './act.js';

/** @typedef {import('./letters.js').Letter & { timestamp: string | null, received_at: string }} Whole */

/** @type {Map<Whole['state'], [string, string]>} */
const STATES = new Map([['open', ['bad', '☠ dead, open']], ['replayed', ['ok', '✓ replayed']], ['discarded', ['none', '○ discarded']]]);

/** @param {{ seq: string }} props */
export function LetterPage({ seq }) {
  const [event, setEvent] = useState(/** @type {import('../lib/raw-json.js').RawEvent | null} */ (null));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  const [act, setAct] = useState(/** @type {import('./act.js').Kind | null} */ (null));
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
