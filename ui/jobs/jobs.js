// What runs in the background: how far it is, and how to pause and stop it. Shown where it was begun, and
// until somebody says that its end was seen.

import { html, signal, useEffect, useState } from '../vendor/preact.js';

import { about } from '../lib/amount.js';
import { request, send, words } from '../lib/api.js';
import { Act } from '../frame/parts.js';
import { say } from '../frame/say.js';
import { count, Untrusted } from '../frame/text.js';

const RUNNING_MS = 500;
const IDLE_MS = 10_000;

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {'replay' | 'revalidate'} kind
 * @property {'running' | 'paused' | 'done' | 'stopped' | 'cancelled' | 'failed'} state
 * @property {string} created_at
 * @property {string} created_by
 * @property {number} total
 * @property {number} done
 * @property {number} ok
 * @property {number} failed
 * @property {number} skipped
 * @property {number} rate
 * @property {string | null} detail
 */

/** Rises when a job was begun or changed, so that it is read at once. */
const changes = signal(0);
export const jobsChanged = () => void (changes.value += 1);

/** Jobs that this page has begun, or seen running: their end is shown too. @type {Set<string>} */
const seen = new Set();
/** Those of them whose end is known. @type {Set<string>} */
const ended = new Set();

/** @param {{ id: string }} job */
export function jobBegun({ id }) {
  seen.add(id);
  jobsChanged();
}

/** @param {Job} job */
const isActive = ({ state }) => state === 'running' || state === 'paused';

/** @param {{ onEnd: () => void }} props `onEnd` is called when one of them has ended */
export function Jobs({ onEnd }) {
  const [jobs, setJobs] = useState(/** @type {Job[]} */ ([]));
  const nChanges = changes.value;
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const ask = async () => {
      let isRunning = false;
      try {
        /** @type {Job[]} */
        const list = document.hidden ? [] : JSON.parse(await request('/jobs', { signal: stop.signal })).jobs;
        if (stop.signal.aborted) return;
        const active = list.filter(isActive);
        for (const { id } of active) seen.add(id);
        const shown = list.filter(({ id }) => seen.has(id));
        setJobs(shown);
        const over = shown.filter((job) => !isActive(job) && !ended.has(job.id));
        for (const { id } of over) ended.add(id);
        if (over.length > 0) onEnd();
        isRunning = active.some(({ state }) => state === 'running');
      } catch {
        // The screen around this says that the server cannot be asked.
      }
      if (!stop.signal.aborted) timer = Number(setTimeout(ask, isRunning ? RUNNING_MS : IDLE_MS));
    };
    ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [nChanges]);
  return jobs.map((job) => html`<${JobBox} key=${job.id} job=${job} />`);
}

/** @type {Map<Job['state'], [string, string]>} */
const STATES = new Map([
  ['running', ['', '… running']], ['paused', ['warn', '◐ paused']], ['done', ['ok', '✓ done']],
  ['stopped', ['bad', '✗ stopped: too many failures']], ['cancelled', ['none', '○ cancelled']], ['failed', ['bad', '✗ failed']],
]);
/** @type {Map<Job['kind'], string>} */
const KINDS = new Map([['replay', 'Replay of dead letters'], ['revalidate', 'New verdicts']]);

/** @param {{ job: Job }} props */
function JobBox({ job }) {
  const { id, kind, state, total, done, ok, failed, skipped, rate, detail } = job;
  const [className, stateWords] = STATES.get(state) ?? ['', state];
  const change = async (/** @type {'pause' | 'resume' | 'cancel'} */ what) => {
    try {
      await send('POST', `/jobs/${encodeURIComponent(id)}/${what}`);
    } catch (error) {
      say(words(error));
    }
    jobsChanged();
  };
  const leftS = rate > 0 ? (total - done) / rate : 0;
  const progress = `${count(done)} of ${count(total)}`;
  return html`<section class="card job" aria-label=${KINDS.get(kind) ?? kind} data-test="job" data-state=${state}>
    <p><b>${KINDS.get(kind) ?? kind}</b> <span class=${className} data-test="job-state">${stateWords}</span> · ${progress}${state === 'running' && leftS >= 1 && ` · about ${about(leftS)} left`}</p>
    <div class="job-bar" role="progressbar" aria-label=${KINDS.get(kind) ?? kind} aria-valuemin="0" aria-valuemax=${Math.max(1, total)} aria-valuenow=${Math.min(done, Math.max(1, total))} aria-valuetext=${progress}>
      <span style=${{ width: `${(100 * done) / Math.max(1, total)}%` }}></span>
    </div>
    <p data-test="job-counts"><span class="ok">✓ ${count(ok)} ${kind === 'replay' ? 'stored' : 'changed'}</span> · <span class=${failed > 0 ? 'bad' : 'muted'}>✗ ${count(failed)} ${kind === 'replay' ? 'failed again' : 'failed'}</span> · <span class="muted">${count(skipped)} ${kind === 'replay' ? 'skipped' : 'unchanged'}</span></p>
    ${detail !== null && html`<p class="muted"><${Untrusted} text=${detail} /></p>`}
    <p class="actions">
      ${state === 'running' && html`<${Act} onClick=${() => change('pause')} data-test="job-pause">Pause<//>`}
      ${state === 'paused' && html`<${Act} onClick=${() => change('resume')} data-test="job-resume">Resume<//>`}
      ${isActive(job) ? html`<${Act} onClick=${() => change('cancel')} data-test="job-cancel">Cancel<//>` : html`<button onClick=${() => (seen.delete(id), jobsChanged())} data-test="job-close">Close</button>`}
    </p>
  </section>`;
}
