// Batches, /ui/batches: what came into tables, newest first, and a place to send a file. With an id in the path it is
// one batch.

import { html, useState } from '../vendor/preact.js';

import { bytes, reading } from '../lib/amount.js';
import { BATCH_STATES, lastedMs, speedOf } from '../lib/batch.js';
import { batchHref } from '../lib/route.js';
import { delta } from '../lib/time.js';
import { session } from '../frame/auth.js';
import { second } from '../frame/clock.js';
import { useDropped } from '../frame/dropped.js';
import { Failure } from '../frame/failure.js';
import { go, route } from '../frame/navigate.js';
import { Maybe, Table } from '../frame/parts.js';
import { copy } from '../frame/say.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { nowMs } from '../live/live.js';
import { BatchPage } from './batch.js';
import { Progress, StateText, STILL_MS, usePace } from './state.js';
import { Uploading } from './upload.js';
import { choose } from './uploading.js';

const TABLES_MS = 30_000;
const LIMIT = 50;

/** @typedef {import('../lib/batch.js').Batch} Batch */
/** @typedef {import('../lib/batch.js').Table} TableOf */

export function BatchesScreen() {
  const { id } = route.value;
  return id === '' ? html`<${All} />` : html`<${BatchPage} key=${id} id=${id} />`;
}

function All() {
  const { query } = route.value;
  const [everyMs, setEveryMs] = useState(STILL_MS);
  const asked = new URLSearchParams([...query].filter(([name, value]) => ['table', 'state', 'application', 'after'].includes(name) && value !== ''));
  asked.set('limit', String(LIMIT));
  /** @type {import('../health/poll.js').Polled<{ tables: TableOf[] }>} */
  const tables = usePolled('/tables', TABLES_MS, 'The tables could not be read.');
  /** @type {import('../health/poll.js').Polled<{ batches: Batch[], next: string | null }>} */
  const page = usePolled(`/batches?${asked}`, everyMs, 'The batches could not be read.');
  void second.value;
  const list = page.value?.batches ?? [];
  usePace(list, setEveryMs);
  const known = tables.value?.tables ?? [];
  const isFiltered = ['table', 'state', 'application', 'after'].some((name) => query.has(name));
  useDropped(known.length > 0 ? (files) => choose(files, known) : null);
  return html`<main class="page" data-test="batches">
    <div class="page-head"><h1 tabindex="-1">Batches</h1></div>
    ${tables.failure !== null && html`<${Failure} facts=${tables.failure} onRetry=${tables.again} />`}
    ${tables.value !== null && (known.length === 0 ? html`<${NoTables} />` : html`<${Uploading} tables=${known} />`)}
    ${(list.length > 0 || isFiltered) && html`<${Filter} tables=${known} query=${query} />`}
    ${page.failure !== null && html`<${Failure} facts=${page.failure} onRetry=${page.again} />`}
    ${page.value === null ? page.failure === null && html`<p>Reading…</p>`
      : list.length > 0 ? html`<${Batches} list=${list} />`
      : isFiltered ? html`<p data-test="no-match">No batch matches. <a href="/ui/batches">All batches</a></p>`
      : known.length > 0 && html`<${First} table=${known[0]} />`}
    <p class="actions pager">
      ${query.has('after') && html`<a class="button" href=${address(query, 'after', '')}>⇤ Newest</a>`}
      ${page.value?.next != null && html`<a class="button" href=${address(query, 'after', page.value.next)} data-test="older">Older →</a>`}
    </p>
  </main>`;
}

/** The same list with one parameter changed; another filter begins with its newest. @param {URLSearchParams} query @param {string} name @param {string} value */
function address(query, name, value) {
  const next = new URLSearchParams(query);
  next.delete('after');
  next.delete(name);
  if (value !== '') next.set(name, value);
  return `/ui/batches${next.size > 0 ? `?${next}` : ''}`;
}

/** @param {{ tables: TableOf[], query: URLSearchParams }} props */
function Filter({ tables, query }) {
  const names = new Set([...tables.map(({ name }) => name), ...query.getAll('table')]);
  const choice = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Iterable<string>} */ values) => html`<label class="chooser"><span class="muted">${label}</span>
    <select onChange=${(/** @type {Event} */ event) => go(address(query, name, /** @type {HTMLSelectElement} */ (event.currentTarget).value))} data-test=${`filter-${name}`}>
      <option value="" selected=${!query.has(name)}>all</option>
      ${[...values].map((value) => html`<option value=${value} selected=${query.get(name) === value}>${value}</option>`)}
    </select></label>`;
  return html`<p class="actions">${choice('table', 'Table', names)}${choice('state', 'State', BATCH_STATES.keys())}</p>`;
}

/** @param {{ list: Batch[] }} props */
function Batches({ list }) {
  return html`<${Table} caption="Newest first" test="batch-list" head=${['Batch', 'State', 'Table', 'Rows', 'Bytes', 'Took', 'Speed', 'Application', 'Begun']}
    rows=${list.map((batch) => {
      const rowsPerS = speedOf(batch, nowMs());
      return [
        html`<a href=${batchHref(batch.id)}><${Untrusted} text=${batch.label ?? batch.id} charsMax=${80} /></a>`,
        html`<${StateText} batch=${batch} /><${Progress} batch=${batch} />`,
        html`<${Untrusted} text=${batch.table} charsMax=${80} />`, count(batch.rows), bytes(batch.bytes), delta(lastedMs(batch, nowMs())),
        rowsPerS === null ? html`<span class="none">–</span>` : `${reading(rowsPerS, 'count')} rows/s`,
        html`<${Maybe} text=${batch.application} />`, html`<${Time} at=${batch.created_at} nowMs=${nowMs()} />`,
      ];
    })} />`;
}

const CONFIG = `[tables.prices]               # a table of your database; its columns and types are read from there
migrations = "migrations/"    # your SQL that makes it, applied in order: 0001_prices.sql
mode = "append"               # or "replace": each batch takes the place of all rows`;

/** No table takes batches: what to write, and where. */
function NoTables() {
  return html`<div class="card first" data-test="no-tables">
    <h2>No table takes batches yet</h2>
    <p>A table of your database can be fed with files of any size, all rows or none. Name it in the configuration, and start the server again:</p>
    <pre class="command" tabindex="0" aria-label="Example of a configuration">${CONFIG}</pre>
    <p class="actions"><button class="primary" onClick=${() => copy(CONFIG, 'The example')}>Copy</button></p>
  </div>`;
}

/** @param {{ table: TableOf }} props */
function First({ table: { name } }) {
  const token = session.value?.required ? '-H "Authorization: Bearer $TOKEN" \\\n  ' : '';
  const lines = `curl ${token}-H 'Content-Type: application/x-ndjson' --data-binary @${name}.ndjson \\\n  '${location.origin}/tables/${name}/batches'`;
  const command = `eyas import ${name}.ndjson --into ${name} --url ${location.origin}`;
  return html`<div class="card first" data-test="empty">
    <h2>No batch yet</h2>
    <p>Choose a file above, or send one:</p>
    <pre class="command" tabindex="0" aria-label="Example with curl" data-test="curl">${lines}</pre>
    <pre class="command" tabindex="0" aria-label="Example with eyas import">${command}</pre>
    <p class="actions"><button onClick=${() => copy(lines, 'The curl command')}>Copy curl</button><button onClick=${() => copy(command, 'The command')}>Copy eyas import</button></p>
  </div>`;
}
