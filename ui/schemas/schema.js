// The schema of one key: write it, test it against what is stored, put it in force, go back. The field is a plain
// one with the numbers of its lines: Tab indents; after Escape, Tab leaves.

import { html, useEffect, useRef, useState } from '../vendor/preact.js';

import { ApiError, request, send } from '../lib/api.js';
import { plain } from '../lib/escape.js';
import { infer, lineDiff, pretty } from '../lib/schema-text.js';
import { faultOf } from '../lib/json-tree.js';
import { dataText, elements, members, skipValue, splitPage } from '../lib/raw-json.js';
import { eventHref, keyQuery, pathPart } from '../lib/route.js';
import { may } from '../frame/auth.js';
import { Act, Ask, Field, KeyText, LookOnly, Table } from '../frame/parts.js';
import { Failure, failureOf } from '../frame/failure.js';
import { route } from '../frame/navigate.js';
import { say } from '../frame/say.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { nowMs } from '../live/live.js';
import { RevalidateButton, Revalidations } from './revalidate.js';
import { ModeWord, Share } from './screen.js';

/** Events that a draft is made of. */
const DRAFT_EVENTS = 200;

/** @typedef {import('./screen.js').Key} Key */
/** @typedef {import('./screen.js').Schema} Schema */

const EXAMPLE = pretty(JSON.stringify({ type: 'object', required: ['element'], properties: { element: { enum: ['chat bubble', 'buy button'] } } }));
const NOTHING = '{\n  "type": "object"\n}';

/** A schema drafted from the newest events of a key. @param {Key} key */
async function draftOf({ stream, category, name }) {
  const query = new URLSearchParams({ limit: String(DRAFT_EVENTS) });
  if (category !== null) query.set('category', category);
  if (name !== null) query.set('name', name);
  const { events } = splitPage(await request(`${stream === 'events' ? '/events' : `/streams/${pathPart(stream)}`}?${query}`));
  const examples = events.map((event) => JSON.parse(dataText(event)));
  return { text: pretty(JSON.stringify(infer(examples))), n: examples.length };
}

/** The events of a key, as labels. @param {Key} key */
const filterOf = ({ stream, category, name }) => ({ stream, ...(category !== null && { category }), ...(name !== null && { name }) });

/** @param {{ of: Key, schema: Schema | undefined, again: () => void }} props `schema` is undefined for a key that has none yet */
export function SchemaPage({ of, schema, again }) {
  const [text, setText] = useState(NOTHING);
  const [versions, setVersions] = useState(/** @type {Version[]} */ ([]));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  const [isSaving, setIsSaving] = useState(false);
  const [isTurningOff, setIsTurningOff] = useState(false);
  const isFixed = schema?.source === 'config';

  /** The first text; whoever writes already keeps theirs. @param {string} first */
  const begin = (first) => setText((now) => (now === NOTHING ? first : now));
  const load = async (/** @type {boolean} */ isFirst) => {
    try {
      const list = await readVersions(of);
      setVersions(list);
      setFailure(null);
      const newest = list.find(({ isActive }) => isActive) ?? list.at(-1);
      if (isFirst && newest !== undefined) begin(newest.text);
      else if (isFirst && route.peek().query.get('draft') === 'example') begin(EXAMPLE);
      else if (isFirst && route.peek().query.get('draft') === 'events') await draft(begin);
    } catch (error) {
      setFailure(failureOf('The versions could not be read.', error));
    }
  };
  const draft = async (/** @type {(drafted: string) => void} */ put) => {
    try {
      const { text: drafted, n } = await draftOf(of);
      if (n > 0) put(drafted);
      say(n > 0 ? `Drafted from ${count(n)} events: read it before you save it.` : 'No event of this kind is stored, so there is nothing to draft from.');
    } catch (error) {
      setFailure(failureOf('The draft could not be made.', error));
    }
  };
  useEffect(() => void load(true), []);
  const changed = () => {
    again();
    load(false);
  };
  const fault = faultOf(text);
  return html`
    <p><a href="/ui/schemas">All schemas</a></p>
    <div class="page-head">
      <h1 tabindex="-1"><span class="muted">Schema of</span> <${KeyText} of=${of} /></h1>
      ${schema !== undefined && html`<${ModeWord} mode=${schema.mode} /> <span class="muted">${count(schema.seen)} events,</span> <${Share} schema=${schema} /> <span class="muted">invalid</span>`}
    </div>
    <${LookOnly} />
    ${isFixed && html`<p class="warn" data-test="fixed"><span aria-hidden="true">⚠</span> The server’s configuration owns this schema. Change it there; here it can be read and tested.</p>`}
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${() => load(false)} />`}
    <${Revalidations} onEnd=${again} />
    <${Editor} text=${text} onText=${setText} fault=${fault} />
    <p class="actions">
      <${Act} class="primary" disabled=${isFixed || fault !== null} onClick=${() => setIsSaving(true)} data-test="save">Save…<//>
      <button onClick=${() => draft(setText)} data-test="draft">Draft from the last ${DRAFT_EVENTS} events</button>
      <button disabled=${fault !== null} onClick=${() => setText(pretty(text))}>Format</button>
      ${schema !== undefined && schema.mode !== 'off' && html`<${Act} disabled=${isFixed} onClick=${() => setIsTurningOff(true)} data-test="turn-off">Turn off<//>`}
      ${schema !== undefined && html`<${RevalidateButton} filter=${filterOf(of)} />`}
    </p>
    <${SchemaTest} of=${of} text=${text} isReady=${fault === null} />
    <${Versions} of=${of} list=${versions} text=${text} isFixed=${isFixed || !may('admin')} onOpen=${setText} again=${changed} />
    ${isSaving && html`<${AskSave} of=${of} schema=${schema} text=${text} onClose=${() => setIsSaving(false)} again=${changed} />`}
    ${isTurningOff && html`<${AskOff} of=${of} onClose=${() => setIsTurningOff(false)} again=${changed} />`}
  `;
}

/** @param {{ of: Key, schema: Schema | undefined, text: string, onClose: () => void, again: () => void }} props */
function AskSave({ of, schema, text, onClose, again }) {
  const submit = async (/** @type {FormData} */ form) => {
    const { stream, category, name } = of;
    const rest = JSON.stringify({ stream, ...(category !== null && { category }), ...(name !== null && { name }), mode: form.get('mode'), activate: form.get('activate') !== null });
    // The schema goes as it was written: numbers are not read and written again.
    const saved = await send('PUT', '/schemas', `${rest.slice(0, -1)},"schema":${text}}`);
    say(`Saved: version ${count(saved.version ?? 0)} of ${count(saved.n_versions)} is in force.`);
    again();
  };
  return html`<${Ask} title="Save the schema" submit="Save" onSubmit=${submit} onClose=${onClose}>
    <${Field} label="What becomes of an event that breaks it" hint="Events that are stored already keep the verdict that they have, until you revalidate them.">
      <select name="mode">
        ${[['keep', 'keep: store it, marked invalid'], ['reject', 'reject: refuse it with the reason'], ['off', 'off: judge nothing']].map(([mode, what]) =>
          html`<option value=${mode} selected=${mode === (schema?.mode ?? 'keep')}>${what}</option>`)}
      </select><//>
    <label class="check"><input type="checkbox" name="activate" defaultChecked=${true} /> Put this version in force now</label>
    <p class="muted">A schema that differs from all before becomes a new version; none is ever lost.</p>
  <//>`;
}

/** @param {{ of: Key, onClose: () => void, again: () => void }} props */
function AskOff({ of, onClose, again }) {
  const submit = () => send('DELETE', `/schemas?${keyQuery(of)}`).then(again);
  return html`<${Ask} title=${html`Turn off the schema of <${KeyText} of=${of} />?`} submit="Turn off" onSubmit=${submit} onClose=${onClose}>
    <p>New events of this kind are judged by the next less exact schema, or by none. The versions stay.</p>
  <//>`;
}

/** @param {{ text: string, onText: (text: string) => void, fault: number | null }} props `fault` is the first character that is no JSON */
export function Editor({ text, onText, fault }) {
  const isLeaving = useRef(false);
  const n = text.split('\n').length;
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Tab' && !event.shiftKey && !isLeaving.current) {
      event.preventDefault();
      const field = /** @type {HTMLTextAreaElement} */ (event.target);
      field.setRangeText('  ', field.selectionStart, field.selectionEnd, 'end');
      onText(field.value);
    }
    if (event.key !== 'Shift') isLeaving.current = event.key === 'Escape';
  };
  const before = fault === null ? [] : text.slice(0, fault).split('\n');
  return html`
    <div class="editor">
      <pre class="editor-lines" aria-hidden="true">${Array.from({ length: n }, (_, at) => at + 1).join('\n')}</pre>
      <textarea aria-label="The schema, as JSON" aria-describedby="editor-help" rows=${n} wrap="off" spellcheck=${false} autocomplete="off" value=${text}
        onInput=${(/** @type {any} */ event) => onText(event.target.value)} onKeyDown=${onKey} data-test="editor"></textarea>
    </div>
    <p id="editor-help" class=${fault === null ? 'muted' : 'bad'} data-test="editor-help">${fault === null
      ? 'JSON Schema 2020-12. Tab indents; Escape, then Tab, leaves the field.'
      : `No JSON: line ${before.length}, character ${(before.at(-1)?.length ?? 0) + 1}${fault < text.length ? `, at ${plain(text.slice(fault, fault + 12))}` : ', where it ends'}.`}</p>
  `;
}

const LAST = [100, 1000, 10_000];

/** @typedef {{ pointer: string, rule: string, message: string, count: number, sample: { seq: number, id: string } }} Group */
/** @typedef {{ examined: number, valid: number, invalid: number, newly_invalid: number, newly_valid: number, complete?: boolean, groups: Group[] }} Result */

/** @param {{ of: import('./screen.js').Key, text: string, isReady: boolean }} props */
export function SchemaTest({ of, text, isReady }) {
  const [last, setLast] = useState(1000);
  const [isBusy, setIsBusy] = useState(false);
  const [tested, setTested] = useState(/** @type {{ text: string, result: Result } | null} */ (null));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  const ask = async () => {
    setIsBusy(true);
    setFailure(null);
    try {
      const { stream, category, name } = of;
      const rest = JSON.stringify({ stream, ...(category !== null && { category }), ...(name !== null && { name }), last });
      setTested({ text, result: await send('POST', '/schemas/test', `${rest.slice(0, -1)},"schema":${text}}`) });
    } catch (error) {
      setFailure(failureOf('The test failed.', error));
    }
    setIsBusy(false);
  };
  return html`<section class="schema-part" aria-label="Test">
    <h2>Test</h2>
    <p class="actions">
      <label>Against the last <select value=${String(last)} onChange=${(/** @type {any} */ event) => setLast(Number(event.target.value))}>
        ${LAST.map((n) => html`<option value=${String(n)}>${count(n)}</option>`)}</select> events of this kind</label>
      <${Act} onClick=${ask} disabled=${!isReady || isBusy} data-test="test">Test<//>
    </p>
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${ask} />`}
    ${tested !== null && html`<${Outcome} result=${tested.result} isOld=${tested.text !== text} stream=${of.stream} />`}
  </section>`;
}

/** @param {{ result: Result, isOld: boolean, stream: string }} props */
function Outcome({ result: { examined, valid, invalid, newly_invalid: newlyInvalid, newly_valid: newlyValid, complete, groups }, isOld, stream }) {
  if (examined === 0) return html`<p data-test="tested">No event of this kind is stored yet.</p>`;
  return html`
    <p data-test="tested">Of ${count(examined)} events <b class="ok">✓ ${count(valid)} would be valid</b> and <b class=${invalid > 0 ? 'bad' : ''}>✗ ${count(invalid)} invalid</b>.
      ${newlyInvalid > 0 && html` <b class="bad">${count(newlyInvalid)} of them are valid now.</b>`}${newlyValid > 0 && html` <b>${count(newlyValid)} that are invalid now would be valid.</b>`}
      ${complete === false && html` <span class="warn">Not all could be looked at in the time for it.</span>`}${isOld && html` <span class="warn">The text was changed since.</span>`}</p>
    ${groups.length > 0 && html`<${Table} caption="Why, most frequent first" test="test-groups" head=${['Where', 'Rule', 'Events', 'Message', 'One of them']}
      rows=${groups.map(({ pointer, rule, message, count: n, sample }) => [
        html`<code><${Untrusted} text=${pointer} charsMax=${200} /></code>`, html`<${Untrusted} text=${rule} />`, count(n), html`<${Untrusted} text=${message} charsMax=${300} />`,
        html`<a href=${eventHref(sample.id, stream === 'events' ? null : stream)}><${Untrusted} text=${sample.id} charsMax=${40} /></a>`,
      ])} />`}
  `;
}

/** @typedef {{ version: number, text: string, createdAt: string, createdBy: string, isActive: boolean }} Version */

/**
 * The schemas as they were written: their texts are cut out, not read.
 * @param {Key} key
 * @returns {Promise<Version[]>} oldest first; none for a key that is not known
 */
export async function readVersions(key) {
  try {
    const answer = await request(`/schemas/versions?${keyQuery(key)}`);
    const list = [...members(answer)].find((member) => member.key === 'versions');
    return (list === undefined ? [] : elements(answer, list.from)).map(versionOf).sort((a, b) => a.version - b.version);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}

/** @param {string} text @returns {Version} */
function versionOf(text) {
  const { version, created_at: createdAt, created_by: createdBy, active: isActive } = JSON.parse(text);
  const from = [...members(text)].find(({ key }) => key === 'schema')?.from;
  return { version, createdAt, createdBy, isActive, text: from === undefined ? '{}' : pretty(text.slice(from, skipValue(text, from))) };
}

/** @param {{ of: Key, list: Version[], text: string, isFixed: boolean, onOpen: (text: string) => void, again: () => void }} props */
export function Versions({ of, list, text, isFixed, onOpen, again }) {
  const [compared, setCompared] = useState(/** @type {number | null} */ (null));
  const [chosen, setChosen] = useState(/** @type {Version | null} */ (null));
  const other = list.find(({ version }) => version === compared);
  if (list.length === 0) return null;
  const activate = async () => {
    await send('POST', '/schemas/activate', { ...of, version: chosen?.version });
    again();
  };
  return html`<section class="schema-part" aria-label="Versions">
    <h2>Versions</h2>
    <${Table} caption="Newest first" test="versions" head=${['Version', 'State', 'Written', 'Actions']}
      rows=${[...list].reverse().map((version) => [
        count(version.version),
        version.isActive ? html`<b class="ok"><span aria-hidden="true">✓</span> in force</b>` : html`<span class="none">–</span>`,
        html`<${Time} at=${version.createdAt} nowMs=${nowMs()} /> <span class="muted">by <${Untrusted} text=${version.createdBy} charsMax=${40} /></span>`,
        html`<span class="actions">
          <button onClick=${() => onOpen(version.text)} aria-label=${`Open version ${version.version}`}>Open</button>
          <button onClick=${() => setCompared(compared === version.version ? null : version.version)} aria-pressed=${String(compared === version.version)} aria-label=${`Compare with version ${version.version}`}>Compare</button>
          ${!version.isActive && html`<button disabled=${isFixed} onClick=${() => setChosen(version)} aria-label=${`Put version ${version.version} in force`}>Put in force</button>`}
        </span>`,
      ])} />
    ${other !== undefined && html`<${Difference} from=${other.text} to=${text} version=${other.version} />`}
    ${chosen !== null && html`<${Ask} title=${`Put version ${chosen.version} in force?`} submit="Put in force" onSubmit=${activate} onClose=${() => setChosen(null)}>
      <p>It judges what arrives from now on. Test it first: open it, then Test.</p><//>`}
  </section>`;
}

/** @param {{ from: string, to: string, version: number }} props */
function Difference({ from, to, version }) {
  const lines = lineDiff(from, to);
  return html`<h3>From version ${count(version)} to the text above</h3>
    ${lines === null
      ? html`<p>Both are too long to compare here.</p>`
      : lines.every(({ sign }) => sign === ' ')
        ? html`<p data-test="diff">They are the same.</p>`
        : html`<pre class="command diff" tabindex="0" aria-label="Difference" data-test="diff">${lines.map(({ sign, text }) =>
            html`<span class=${sign === '+' ? 'ok' : sign === '-' ? 'bad' : ''}>${sign} <${Untrusted} text=${text} charsMax=${2000} layout />${'\n'}</span>`)}</pre>`}`;
}
