// SQL, /ui/sql: the published queries on the left; on the right one of them, or SQL of one's own.

import { html } from '../vendor/preact.js';

import { figuresOf, queryHref } from '../lib/query.js';
import { may } from '../frame/auth.js';
import { Failure } from '../frame/failure.js';
import { route } from '../frame/navigate.js';
import { copy } from '../frame/say.js';
import { count, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { AdHoc } from './ad-hoc.js';
import { accessOf, QueryPage } from './query.js';

const QUERIES_MS = 10_000;

/** @typedef {import('../lib/query.js').Query} Query */

export function SqlScreen() {
  const { id } = route.value;
  /** @type {import('../health/poll.js').Polled<{ queries: Query[] }>} */
  const { value, failure, again } = usePolled('/queries', QUERIES_MS, 'The queries could not be read.');
  const queries = value?.queries ?? [];
  const query = queries.find(({ name }) => name === id);
  return html`<main class="page" data-test="sql-screen">
    <div class="page-head"><h1 tabindex="-1">SQL</h1></div>
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    ${value === null && failure === null && html`<p>Reading…</p>`}
    ${value !== null && html`<div class="sql">
      <nav aria-label="Queries">
        <ul class="sql-list" data-test="queries">
          ${queries.map((each) => html`<li key=${each.name}><a href=${queryHref(each.name)} aria-current=${each.name === id ? 'page' : undefined} data-test="query-link"><b><${Untrusted} text=${each.name} charsMax=${80} /></b>
            <small>GET <${Untrusted} text=${each.path} charsMax=${80} /> · ${accessOf(each)}${each.cache_s !== null && ` · kept ${count(each.cache_s)} s`}</small>
            ${each.params.length > 0 && html`<small>takes <${Untrusted} text=${each.params.map(({ name }) => name).join(', ')} charsMax=${120} /></small>`}
            <${Figures} query=${each} /></a></li>`)}
          <li><a href="/ui/sql" aria-current=${id === '' ? 'page' : undefined} data-test="own-link"><b>SQL of your own</b><small>for administrators</small></a></li>
        </ul>
      </nav>
      <div>
        ${query !== undefined ? html`<${QueryPage} key=${query.name} query=${query} />`
          : id !== '' ? html`<p data-test="no-query">There is no query <code><${Untrusted} text=${id} charsMax=${120} /></code>. <a href="/ui/sql">All queries</a></p>`
          : html`${queries.length === 0 && html`<${NoQueries} />`}${(may('admin') || queries.length > 0) && html`<${AdHoc} />`}`}
      </div>
    </div>`}
  </main>`;
}

/** Since the start of the server. @param {{ query: Query }} props */
function Figures({ query }) {
  const [answered, wrong] = figuresOf(query);
  return html`<small title="since the start of the server" data-test="figures">${answered}${wrong !== '' && html`<span class=${query.failed > 0 ? 'bad' : ''}> · ${wrong}</span>`}</small>`;
}

const CONFIG = `[queries.rates]
path = "/rates"
sqlite = "queries/rates.sql"      # or postgres = "…", or both
description = "Mean price per day"
params = { date_from = "date", date_to = "date" }`;
const FILE = `select day, avg(price) as price
from prices
where day between :date_from and :date_to
group by day
order by day desc`;

function NoQueries() {
  return html`<div class="card first" data-test="empty">
    <h2>No query is published yet</h2>
    <p>A query is a file of SQL that answers at a path of its own, with parameters whose types are checked. Put this beside your configuration as <code>queries/rates.sql</code>:</p>
    <pre class="command" tabindex="0" aria-label="Example of a file">${FILE}</pre>
    <p>and this into the configuration, then start the server again:</p>
    <pre class="command" tabindex="0" aria-label="Example of a configuration">${CONFIG}</pre>
    <p class="actions"><button onClick=${() => copy(FILE, 'The file')}>Copy the file</button><button onClick=${() => copy(CONFIG, 'The configuration')}>Copy the configuration</button></p>
  </div>`;
}
