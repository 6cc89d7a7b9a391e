// Applications, /ui/apps: who may send and read, and at the end who did what here. /ui/apps/<name> is one of
// them, with its tokens.

import { html, useEffect, useState } from '../vendor/preact.js';

import { request, send } from '../lib/api.js';
import { appHref } from '../lib/route.js';
import { second } from '../frame/clock.js';
import { Act, Ask, Field, Table } from '../frame/parts.js';
import { Failure, failureOf } from '../frame/failure.js';
import { go, route } from '../frame/navigate.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { nowMs } from '../live/live.js';
import { AppPage, Secret } from './app.js';

/** How often lists that people change are read again. */
export const LIST_MS = 15_000;

/**
 * @typedef {object} Application
 * @property {string} name
 * @property {string} created_at
 * @property {string[]} allowed_origins
 * @property {{ events_per_s: number, burst: number } | null} rate
 * @property {boolean} disabled
 * @property {number} n_tokens
 * @property {string | null} last_used
 */

export function AppsScreen() {
  const { id } = route.value;
  /** @type {import('../health/poll.js').Polled<{ applications: Application[] }>} */
  const { value, failure, again } = usePolled('/applications', LIST_MS, 'The applications could not be read.');
  const app = value?.applications.find(({ name }) => name === id);
  return html`<main class="page" data-test="apps">
    <${Secret} />
    ${value === null && html`<h1 tabindex="-1">Applications</h1>`}
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    ${value !== null && (id === ''
      ? html`<${All} list=${value.applications} again=${again} />`
      : app === undefined ? html`<${NoApp} name=${id} />` : html`<${AppPage} app=${app} isFirst=${value.applications.every((each) => each.n_tokens === 0)} again=${again} />`)}
    ${value === null && failure === null && html`<p>Reading…</p>`}
  </main>`;
}

/** @param {{ name: string }} props */
function NoApp({ name }) {
  return html`<div class="empty" data-test="no-app"><h1 tabindex="-1">There is no such application</h1>
    <p><code><${Untrusted} text=${name} /></code></p><p><a href="/ui/apps">All applications</a></p></div>`;
}

/** @param {{ list: Application[], again: () => void }} props */
function All({ list, again }) {
  const [isAsking, setIsAsking] = useState(false);
  void second.value;
  const ask = () => setIsAsking(true);
  return html`
    <div class="page-head"><h1 tabindex="-1">Applications</h1>${list.length > 0 && html`<${Act} class="primary" onClick=${ask} data-test="new-app">New application<//>`}</div>
    ${list.length === 0
      ? html`<div class="card first" data-test="empty">
          <h2>Create your first application</h2>
          <p>An application owns tokens, and every event that comes with one of them carries its name. Until the first token exists, a server on
            loopback takes events from everybody on this machine, and shows them to everybody.</p>
          <p class="actions"><${Act} class="primary" onClick=${ask} data-test="new-app">New application<//></p>
        </div>`
      : html`<${Table} caption="What may send and read" test="app-list" head=${['Name', 'State', 'Tokens', 'Last used', 'Origins', 'Limit', 'Created']}
          rows=${list.map((app) => [
            html`<a href=${appHref(app.name)}><${Untrusted} text=${app.name} /></a>`,
            html`<${State} app=${app} />`,
            count(app.n_tokens),
            app.last_used === null ? html`<span class="none">never</span>` : html`<${Time} at=${app.last_used} nowMs=${nowMs()} />`,
            html`<${Origins} app=${app} />`,
            html`<${Rate} app=${app} />`,
            html`<${Time} at=${app.created_at} nowMs=${nowMs()} />`,
          ])} />`}
    <${Audit} />
    ${isAsking && html`<${AskApp} onClose=${() => setIsAsking(false)} again=${again} />`}
  `;
}

/** @param {{ app: Application }} props */
export function State({ app: { disabled } }) {
  return disabled ? html`<span class="bad"><span aria-hidden="true">✗</span> disabled</span>` : html`<span class="ok"><span aria-hidden="true">✓</span> active</span>`;
}

/** @param {{ app: Application }} props */
export function Origins({ app: { allowed_origins: origins } }) {
  if (origins.length === 0) return html`<span class="none">none</span>`;
  return origins.map((origin) => html`<span class="line"><${Untrusted} text=${origin} charsMax=${80} /></span>`);
}

/** @param {{ app: Application }} props */
export function Rate({ app: { rate } }) {
  return rate === null ? html`<span class="none">the server’s</span>` : `${count(rate.events_per_s)}/s, burst ${count(rate.burst)}`;
}

/** Asks for a new application, or for the changes of one. @param {{ app?: Application, onClose: () => void, again: () => void }} props */
export function AskApp({ app, onClose, again }) {
  const submit = async (/** @type {FormData} */ form) => {
    const text = (/** @type {string} */ field) => String(form.get(field) ?? '').trim();
    const origins = text('origins').split(/\s+/).filter((origin) => origin !== '');
    const perS = text('events_per_s');
    const rate = perS === '' ? null : { events_per_s: Number(perS), burst: Number(text('burst') || perS) };
    if (app !== undefined) await send('PATCH', `/applications/${encodeURIComponent(app.name)}`, { allowed_origins: origins, rate });
    else {
      const { name } = await send('POST', '/applications', { name: text('name'), allowed_origins: origins, ...(rate !== null && { rate }) });
      go(appHref(name));
    }
    again();
  };
  return html`<${Ask} title=${app === undefined ? 'New application' : html`Change <${Untrusted} text=${app.name} />`} submit=${app === undefined ? 'Create' : 'Save'} onSubmit=${submit} onClose=${onClose}>
    ${app === undefined && html`<${Field} label="Name" hint="Letters, digits, _ . - and at most 64 of them. It stands in every event and never changes.">
      <input name="name" required maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]*" autocomplete="off" spellcheck=${false} /><//>`}
    <${Field} label="Allowed origins" hint="Scheme, host and port, one a line. Tokens of browsers work from these only.">
      <textarea name="origins" rows="3" spellcheck=${false} placeholder=${location.origin}>${app?.allowed_origins.join('\n')}</textarea><//>
    <div class="fields-row">
      <${Field} label="Events a second" hint="Empty: the server’s own limit."><input name="events_per_s" type="number" min="1" defaultValue=${app?.rate?.events_per_s ?? ''} /><//>
      <${Field} label="Burst"><input name="burst" type="number" min="1" defaultValue=${app?.rate?.burst ?? ''} /><//>
    </div>
  <//>`;
}

const LINES = 25;

/** @typedef {{ id: number, at: string, actor: string, act: string, object: string, detail: object }} Line */

export function Audit() {
  const [before, setBefore] = useState(/** @type {number[]} */ ([]));
  const [attempt, setAttempt] = useState(0);
  const [page, setPage] = useState(/** @type {{ audit: Line[], next: number | null }} */ ({ audit: [], next: null }));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  void second.value;
  const from = before.at(-1);
  useEffect(() => {
    const stop = new AbortController();
    request(`/audit?limit=${LINES}${from === undefined ? '' : `&before=${from}`}`, { signal: stop.signal }).then(
      (text) => {
        setFailure(null);
        setPage(JSON.parse(text));
      },
      (error) => stop.signal.aborted || setFailure(failureOf('The audit could not be read.', error)),
    );
    return () => stop.abort();
  }, [from, attempt]);
  return html`<section class="audit" aria-label="Audit">
    <h2>Audit</h2>
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${() => setAttempt(attempt + 1)} />`}
    ${page.audit.length === 0
      ? failure === null && html`<p class="muted" data-test="no-audit">Nothing was changed yet.</p>`
      : html`<${Table} caption="Every act of administration, newest first" test="audit" head=${['When', 'Who', 'Act', 'What', 'Detail']}
          rows=${page.audit.map(({ at, actor, act, object, detail }) => [
            html`<${Time} at=${at} nowMs=${nowMs()} />`, html`<${Untrusted} text=${actor} />`, html`<${Untrusted} text=${act} />`, object === '' ? '' : html`<${Untrusted} text=${object} charsMax=${200} />`,
            html`<code><${Untrusted} text=${detail === null ? '' : JSON.stringify(detail)} charsMax=${300} /></code>`,
          ])} />`}
    <p class="actions">
      <button onClick=${() => setAttempt(attempt + 1)}>Reload</button>
      ${before.length > 0 && html`<button onClick=${() => setBefore(before.slice(0, -1))}>← Newer</button>`}
      ${page.next !== null && html`<button onClick=${() => setBefore([...before, Number(page.next)])} data-test="audit-older">Older →</button>`}
    </p>
  </section>`;
}
