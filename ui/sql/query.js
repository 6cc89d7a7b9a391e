// One published query: its parameters as a form, its answer, and how to ask it from elsewhere. The address has the values.

import { html, useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { answerOf, askPath, defaultsOf, fieldOf, isList, missing, planPath, queryHref, snippets, valuesOf } from '../lib/query.js';
import { may, session } from '../frame/auth.js';
import { download } from '../frame/download.js';
import { Failure, failureOf } from '../frame/failure.js';
import { go, route } from '../frame/navigate.js';
import { Field } from '../frame/parts.js';
import { copy } from '../frame/say.js';
import { count, Untrusted } from '../frame/text.js';
import { AnswerBox } from './answer.js';
import { PlanBox } from './plan.js';

/** @typedef {import('../lib/query.js').Query} Query */
/** @typedef {import('../lib/query.js').Values} Values */
/** @typedef {{ of: string, lines: string[], database: string }} Planned `of` is where the server told it: other values have another */
/** @typedef {{ answer: import('../lib/query.js').Answer, text: string, ms: number }} Answered */

/** @param {{ query: Query }} props */
export function QueryPage({ query }) {
  const address = route.value.query;
  const given = valuesOf(address, query.params);
  const asked = askPath(query, given);
  const isRun = address.has('run') && missing(query, given).length === 0;
  const [values, setValues] = useState(given);
  const [attempt, setAttempt] = useState(0);
  const [answered, setAnswered] = useState(/** @type {Answered | null} */ (null));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  /** What ends the run that is awaited. */
  const [running, setRunning] = useState(/** @type {AbortController | null} */ (null));
  const [plan, setPlan] = useState(/** @type {Planned | null} */ (null));
  const wanted = planPath(query, values);
  // Back and forward bring other values, before anybody can type over them.
  useLayoutEffect(() => setValues(given), [asked]);
  useEffect(() => {
    if (!isRun) return setRunning(null);
    const stop = new AbortController();
    const fromMs = performance.now();
    setRunning(stop);
    request(asked, { signal: stop.signal, headers: { accept: 'application/json' } }).then(
      (text) => {
        setAnswered({ answer: answerOf(text), text, ms: performance.now() - fromMs });
        setFailure(null);
        setRunning(null);
      },
      (error) => {
        if (stop.signal.aborted) return;
        setFailure(failureOf('The query gave no answer.', error));
        setRunning(null);
      },
    );
    return () => stop.abort();
  }, [asked, isRun, attempt]);
  const run = () => {
    if (isRun && askPath(query, values) === asked) setAttempt(attempt + 1);
    else go(queryHref(query.name, values, true));
  };
  const halt = () => {
    running?.abort();
    setRunning(null);
  };
  const tellPlan = async () => {
    try {
      const { plan: lines, database } = JSON.parse(await request(wanted));
      setPlan({ of: wanted, lines, database });
      setFailure(null);
    } catch (error) {
      setPlan(null);
      setFailure(failureOf('There is no plan.', error));
    }
  };
  return html`<section class="sql-main" aria-label="Query" data-test="query">
    <h2><${Untrusted} text=${query.name} charsMax=${120} /></h2>
    ${query.description !== null && query.description !== '' && html`<p><${Untrusted} text=${query.description} charsMax=${2000} layout /></p>`}
    <p class="muted">GET <code><${Untrusted} text=${query.path} /></code> · ${accessOf(query)} · ${query.cache_s === null ? 'asked anew each time' : `may be kept for ${count(query.cache_s)} s`}</p>
    <${Form} query=${query} values=${values} onChange=${setValues} onRun=${run} onPlan=${tellPlan} onStop=${running === null ? null : halt} />
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${() => setAttempt(attempt + 1)} />`}
    ${plan !== null && plan.of === wanted && html`<${PlanBox} ...${plan} />`}
    ${answered !== null && html`<${AnswerBox} ...${answered} />`}
    <${Elsewhere} query=${query} values=${values} />
    ${query.sql !== undefined && query.sql !== null && html`<details><summary>SQL</summary><pre class="command" tabindex="0" aria-label="The statement" data-test="statement"><${Untrusted} text=${query.sql} charsMax=${20_000} layout /></pre></details>`}
  </section>`;
}

/** @param {Query} query */
export const accessOf = (query) => (query.public ? 'public' : `scope ${query.scope ?? 'read'}`);

/** @param {{ query: Query, values: Values, onChange: (values: Values) => void, onRun: () => void, onPlan: () => void, onStop: (() => void) | null }} props `onStop` while it runs */
function Form({ query, values, onChange, onRun, onPlan, onStop }) {
  /** @type {{ current: HTMLFormElement | null }} */
  const form = useRef(null);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    onRun();
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.current?.requestSubmit();
  };
  const halt = () => {
    onStop?.();
    // The button that had the focus is gone.
    form.current?.querySelector('button')?.focus();
  };
  const set = (/** @type {import('../lib/query.js').Param} */ { name, type }, /** @type {string} */ text) => {
    const texts = isList(type) ? text.split('\n') : [text];
    onChange(new Map(values).set(name, texts.filter((each) => each.trim() !== '')));
  };
  return html`<form ref=${form} onSubmit=${submit} onKeyDown=${onKey} data-test="query-form">
    <div class="sql-fields">${query.params.map((param) => html`<${ParamField} key=${param.name} param=${param} texts=${values.get(param.name) ?? []} onText=${(/** @type {string} */ text) => set(param, text)} />`)}</div>
    <p class="actions"><button class="primary" title="Ctrl+Enter" data-test="run">${onStop === null ? 'Run' : 'Running…'}</button>
      ${onStop !== null && html`<button type="button" onClick=${halt} data-test="stop">Stop</button>`}
      ${may('admin') && html`<button type="button" title="How the database would run it, without running it" onClick=${() => form.current?.reportValidity() && onPlan()} data-test="tell-plan">Plan</button>`}</p>
  </form>`;
}

/** @param {{ param: import('../lib/query.js').Param, texts: string[], onText: (text: string) => void }} props */
function ParamField({ param, texts, onText }) {
  const { name, type, optional, description } = param;
  const { input, hint } = fieldOf(type);
  const defaults = defaultsOf(param);
  const isNeeded = !optional && defaults.length === 0;
  const more = [`${hint}${isList(type) ? ', one a line' : ''}`, ...(defaults.length > 0 ? [`else ${defaults.join(', ')}`] : optional ? ['may be left out'] : [])].join('; ');
  const onInput = (/** @type {Event} */ event) => onText(/** @type {HTMLInputElement} */ (event.currentTarget).value);
  const words = html`${description != null && description !== '' && html`<${Untrusted} text=${description} charsMax=${300} /> · `}<${Untrusted} text=${more} charsMax=${300} />`;
  return html`<${Field} label=${html`<${Untrusted} text=${name} charsMax=${80} />`} hint=${words}>${
    isList(type) ? html`<textarea name=${name} rows="3" required=${isNeeded} onInput=${onInput} value=${texts.join('\n')} spellcheck=${false}></textarea>`
    : input === 'bool' ? html`<select name=${name} required=${isNeeded} onChange=${onInput} value=${texts[0] ?? ''}><option value="">–</option><option>true</option><option>false</option></select>`
    : html`<input name=${name} type=${input} required=${isNeeded} onInput=${onInput} value=${texts[0] ?? ''} autocomplete="off" spellcheck=${false} placeholder=${input === 'text' ? defaults[0] ?? '' : ''} />`
  }<//>`;
}

/** The same question from elsewhere, with the values of the form. @param {{ query: Query, values: Values }} props */
function Elsewhere({ query, values }) {
  const [language, setLanguage] = useState('curl');
  const path = askPath(query, values);
  const ways = snippets(location.origin + path, !query.public && (session.value?.required ?? false));
  const code = ways.find(([name]) => name === language)?.[1] ?? '';
  return html`<section aria-label="From elsewhere">
    <div class="ranges" role="group" aria-label="Language of the example">${ways.map(([name]) => html`<button aria-pressed=${String(name === language)} onClick=${() => setLanguage(name)}>${name}</button>`)}</div>
    <pre class="command" tabindex="0" aria-label="Example" data-test="snippet"><${Untrusted} text=${code} charsMax=${20_000} layout /></pre>
    <p class="actions">
      <button onClick=${() => copy(code, 'The example')}>Copy</button>
      <a href=${path} data-test="json-link">.json</a> <a href=${askPath(query, values, '.csv')} download="eyas-query.csv" data-test="csv-link">.csv</a>
      <button onClick=${() => download(path, 'application/x-ndjson', 'eyas-query.ndjson')}>Save NDJSON</button>
    </p>
  </section>`;
}
