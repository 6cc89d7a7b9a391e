// Asks before dead letters are replayed, discarded or restored, and says exactly how many.

import { html, useEffect, useState } from '../vendor/preact.js';

import { ApiError, send, words } from '../lib/api.js';
import { Ask, Field } from '../frame/dialog.js';
import { say } from '../frame/say.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { jobsChanged } from '../jobs/jobs.js';
import { nowMs } from '../live/live.js';

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
        await send('POST', '/dead-letters/replay', body);
      } catch (error) {
        // The job that runs stands on the screen behind this dialog.
        if (error instanceof ApiError && error.code === 'job_running') jobsChanged();
        throw error;
      }
      jobsChanged();
    } else if (kind === 'discard') say(`${count((await send('POST', '/dead-letters/discard', { ...scope, note: String(form.get('note')).trim() })).discarded)} discarded.`);
    else say(`${count((await send('POST', '/dead-letters/restore', scope)).restored)} restored: they are open again.`);
    again();
  };
  return html`<${Ask} title=${`${VERBS[kind]} dead letters`} submit=${`${VERBS[kind]} ${count(n)}`} isReady=${n > 0 && isSure} onSubmit=${submit} onClose=${onClose}>
    ${fault !== '' && html`<p class="bad" role="alert"><${Untrusted} text=${fault} /></p>`}
    ${kind === 'replay' && html`<${ReplayFields} preview=${preview} isRepeated=${isRepeated} setIsRepeated=${setIsRepeated} />`}
    ${kind === 'discard' && html`<p><b>${count(n)}</b> will not be tried again. They are kept, and can be restored.</p>
      <${Field} label="Why" hint="It stands beside each of them, and in the audit."><input name="note" required maxlength="500" autocomplete="off" /><//>`}
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
      <${Field} label="At most so many a second"><input name="rate" type="number" min="1" max="100000" defaultValue="200" required /><//>
      <${Field} label="Stop after so many failures"><input name="stop_after" type="number" min="1" max="1000000" defaultValue="50" required /><//>
    </div>
  `;
}
