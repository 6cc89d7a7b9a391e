// SQL of one's own, for administrators: read-only, a few seconds and a thousand rows at most. Off unless the
// configuration says otherwise; then a card tells how to turn it on.

import { html, useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact.js';

import { ApiError, request } from '../lib/api.js';
import { adHocOf, shownCell, sqlCurl } from '../lib/query.js';
import { may, session } from '../frame/auth.js';
import { Failure, failureOf } from '../frame/failure.js';
import { go, route } from '../frame/navigate.js';
import { Act, LookOnly } from '../frame/parts.js';
import { copy } from '../frame/say.js';
import { Untrusted } from '../frame/text.js';
import { AnswerBox } from './answer.js';
import { keep, named, opened } from './draft.js';
import { PlanBox } from './plan.js';

/** What an address can hold everywhere. */
const ADDRESS_CHARS_MAX = 1500;
const CONFIG = '[sql]\nenabled = true';

/** @typedef {{ answer: ReturnType<typeof adHocOf>, text: string, isPlan: boolean }} Answered */

/** Whether the server has said that it takes none. */
let isOffAtServer = false;

export function AdHoc() {
  const address = route.value.query;
  const [sql, setSql] = useState(() => opened(address));
  const [answered, setAnswered] = useState(/** @type {Answered | null} */ (null));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  /** Why there is no answer: what became of it, and the words for it. */
  const [refused, setRefused] = useState(['', '']);
  const [isOff, setIsOff] = useState(isOffAtServer);
  /** What ends the statement that runs. */
  const [running, setRunning] = useState(/** @type {AbortController | null} */ (null));
  /** @type {{ current: HTMLFormElement | null }} */
  const form = useRef(null);
  const write = (/** @type {string} */ text) => {
    setSql(text);
    keep(text, route.peek().query);
  };
  // Back and forward, and a link on this page, bring another statement.
  const isFirst = useRef(true);
  useLayoutEffect(() => {
    if (!isFirst.current && address.has('sql')) write(named(address));
    isFirst.current = false;
  }, [named(address)]);
  // Nobody waits for it any more.
  useEffect(() => () => running?.abort(), [running]);
  const run = async (isPlan = false) => {
    if (sql.trim() === '' || running !== null) return;
    const stop = new AbortController();
    setRunning(stop);
    setRefused(['', '']);
    setFailure(null);
    remember(sql);
    try {
      const text = await request('/sql', { method: 'POST', signal: stop.signal, headers: { 'content-type': 'application/json', 'x-requested-by': 'console' }, body: JSON.stringify(isPlan ? { sql, plan: true } : { sql }) });
      setAnswered({ answer: adHocOf(text), text, isPlan });
    } catch (error) {
      setAnswered(null);
      if (stop.signal.aborted) setRefused(['Stopped.', 'Nobody waits for its answer any more.']);
      else {
        isOffAtServer = error instanceof ApiError && error.code === 'sql_disabled';
        setIsOff(isOffAtServer);
        if (error instanceof ApiError && error.status === 422) setRefused([error.code === 'sql_refused' ? 'Not run.' : 'No answer.', error.message]);
        else if (!isOffAtServer) setFailure(failureOf('The statement was not run.', error));
      }
    }
    setRunning(null);
  };
  if (isOff) return html`<${Off} onAgain=${() => setIsOff(false)} />`;
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.current?.requestSubmit();
  };
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    run();
  };
  const halt = () => {
    running?.abort();
    form.current?.querySelector('textarea')?.focus();
  };
  const isEmpty = sql.trim() === '';
  return html`<section class="sql-main" aria-label="SQL of your own" data-test="ad-hoc">
    <h2>SQL of your own</h2>
    <${LookOnly} />
    <form ref=${form} onSubmit=${submit}>
      <label class="field"><span>One statement that reads</span>
        <textarea class="sql-text" value=${sql} disabled=${!may('admin')} onInput=${(/** @type {Event} */ event) => write(/** @type {HTMLTextAreaElement} */ (event.currentTarget).value)} onKeyDown=${onKey}
          spellcheck=${false} autocapitalize="off" placeholder="select category, count(*) from eyas.events group by category" data-test="sql"></textarea>
        <small class="muted">Read-only, 5 s and 1,000 rows unless configured otherwise. Ctrl+Enter runs it.</small></label>
      <p class="actions sql-run"><${Act} class="primary" type="submit" disabled=${isEmpty} data-test="run-sql">${running === null ? 'Run' : 'Running…'}<//>
        ${running !== null && html`<button type="button" onClick=${halt} data-test="stop-sql">Stop</button>`}
        <${Act} disabled=${isEmpty} title="How the database would run it, without running it" onClick=${() => run(true)} data-test="plan-sql">Plan<//>
        <button type="button" disabled=${isEmpty} onClick=${() => copy(sqlCurl(location.origin, sql, session.value?.required ?? false), 'The curl command')} data-test="sql-curl">Copy as curl</button></p>
    </form>
    ${refused[0] !== '' && html`<p class="words" role="alert" data-test="refused"><b>✗ ${refused[0]}</b> <${Untrusted} text=${refused[1]} layout /></p>`}
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${() => run()} isByHand />`}
    ${answered !== null && answered.isPlan && html`<${PlanBox} lines=${answered.answer.rows.map(([line = '']) => shownCell(line))} />`}
    ${answered !== null && !answered.isPlan && html`<${AnswerBox} answer=${answered.answer} text=${answered.text} ms=${answered.answer.ms} truncated=${answered.answer.truncated} hasFile />`}
  </section>`;
}

/** A statement that runs gets an address, so that one can go back to it; one that is too long for that has the screen's. @param {string} sql */
function remember(sql) {
  const isShort = sql.length <= ADDRESS_CHARS_MAX;
  if (sql !== named(route.peek().query)) go(isShort ? `/ui/sql?${new URLSearchParams({ sql })}` : '/ui/sql');
  keep(sql, route.peek().query);
}

/** @param {{ onAgain: () => void }} props */
function Off({ onAgain }) {
  return html`<div class="card first" data-test="sql-off">
    <h2>SQL of your own is off</h2>
    <p>Administrators can run statements that read, on a connection that can do nothing else. Say so in the configuration, and start the server again:</p>
    <pre class="command" tabindex="0" aria-label="What to configure">${CONFIG}</pre>
    <p class="actions"><button class="primary" onClick=${() => copy(CONFIG, 'The lines')}>Copy</button><button onClick=${onAgain}>Try again</button></p>
  </div>`;
}
