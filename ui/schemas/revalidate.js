// Judging stored events again: a button, the dialog that says how many it is about, and the job that does it.

import { html, useEffect, useState } from '../vendor/preact.js';

import { ApiError, send, words } from '../lib/api.js';
import { may } from '../frame/auth.js';
import { Act, Ask } from '../frame/parts.js';
import { count, Untrusted } from '../frame/text.js';
import { jobBegun, Jobs, jobsChanged } from '../jobs/jobs.js';

/** What `POST /invalid/revalidate` takes beside what to do. @typedef {{ stream?: string, category?: string, name?: string, application?: string, from?: string, to?: string }} Filter */

/** @param {{ filter: Filter }} props */
export function RevalidateButton({ filter }) {
  const [isAsking, setIsAsking] = useState(false);
  return html`<${Act} onClick=${() => setIsAsking(true)} data-test="revalidate">Revalidate…<//>
    ${isAsking && html`<${AskRevalidate} filter=${filter} onClose=${() => setIsAsking(false)} />`}`;
}

/** The jobs, for those who may see them. @param {{ onEnd: () => void }} props */
export const Revalidations = ({ onEnd }) => may('admin') && html`<${Jobs} onEnd=${onEnd} />`;

/** @param {{ filter: Filter, onClose: () => void }} props */
function AskRevalidate({ filter, onClose }) {
  const [isAll, setIsAll] = useState(false);
  const [preview, setPreview] = useState(/** @type {{ count: number, complete: boolean } | null} */ (null));
  const [fault, setFault] = useState('');
  useEffect(() => {
    let isOld = false;
    setPreview(null);
    send('POST', '/invalid/revalidate', { ...filter, all: isAll, dry_run: true }).then((found) => isOld || setPreview(found), (error) => isOld || setFault(words(error)));
    return () => void (isOld = true);
  }, [isAll]);
  const submit = async () => {
    try {
      jobBegun((await send('POST', '/invalid/revalidate', { ...filter, all: isAll })).job);
    } catch (error) {
      // The job that runs stands on the screen behind this dialog.
      if (error instanceof ApiError && error.code === 'job_running') jobsChanged();
      throw error;
    }
  };
  const n = preview?.count ?? 0;
  return html`<${Ask} title="Judge stored events again" submit="Revalidate" isReady=${n > 0} onSubmit=${submit} onClose=${onClose}>
    ${fault !== '' && html`<p class="bad" role="alert"><${Untrusted} text=${fault} /></p>`}
    <p data-test="preview">${preview === null ? 'Counting…' : html`<b>${preview.complete ? '' : 'More than '}${count(n)}</b> ${isAll ? '' : 'invalid '}${n === 1 ? 'event' : 'events'}`}${Object.entries(filter).map(([field, value], at) =>
      html`${at === 0 ? ' with ' : ', '}<span class="muted">${field}</span> <b><${Untrusted} text=${value} charsMax=${120} /></b>`)}.</p>
    <p>Each gets the verdict of the schemas that are in force now. Nothing else of it changes.</p>
    <label class="check"><input type="checkbox" checked=${isAll} onChange=${() => setIsAll(!isAll)} data-test="revalidate-all" /> Also those that are valid now</label>
  <//>`;
}
