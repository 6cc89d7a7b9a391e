// Who did what, newest first, at the end of the screen of applications.

import { html, useEffect, useState } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { second } from '../frame/clock.js';
import { Failure, failureOf } from '../frame/failure.js';
import { Table } from '../frame/table.js';
import { Time, Untrusted } from '../frame/text.js';
import { nowMs } from '../live/live.js';

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
            html`<${Time} at=${at} nowMs=${nowMs()} />`, html`<${Untrusted} text=${actor} />`, html`<${Untrusted} text=${act} />`, html`<${Untrusted} text=${object} charsMax=${200} />`,
            html`<code><${Untrusted} text=${detail === null ? '' : JSON.stringify(detail)} charsMax=${300} /></code>`,
          ])} />`}
    <p class="actions">
      <button onClick=${() => setAttempt(attempt + 1)}>Reload</button>
      ${before.length > 0 && html`<button onClick=${() => setBefore(before.slice(0, -1))}>← Newer</button>`}
      ${page.next !== null && html`<button onClick=${() => setBefore([...before, Number(page.next)])} data-test="audit-older">Older →</button>`}
    </p>
  </section>`;
}
