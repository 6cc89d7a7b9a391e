// The schema of one key: write it, test it against what is stored, put it in force, go back.

import { html, useEffect, useState } from '../vendor/preact.js';

import { request, send } from '../lib/api.js';
import { infer } from '../lib/infer.js';
import { faultOf } from '../lib/json-tree.js';
import { pretty } from '../lib/pretty.js';
import { dataText, splitPage } from '../lib/raw-json.js';
import { keyQuery, pathPart } from '../lib/route.js';
import { may } from '../frame/auth.js';
import { Act, Ask, Field, LookOnly } from '../frame/dialog.js';
import { Failure, failureOf } from '../frame/failure.js';
import { route } from '../frame/navigate.js';
import { say } from '../frame/say.js';
import { KeyText } from '../frame/table.js';
import { count } from '../frame/text.js';
import { Editor } from './editor.js';
import { ModeWord, Share } from './screen.js';
import { SchemaTest } from './test.js';
import { readVersions, Versions } from './versions.js';

/** Events that a draft is made of. */
const DRAFT_EVENTS = 200;
const DRAFT_FIRST = { $schema: 'https://json-schema.org/draft/2020-12/schema' };

/** @typedef {import('./screen.js').Key} Key */
/** @typedef {import('./screen.js').Schema} Schema */
/** @typedef {import('./versions.js').Version} Version */

const EXAMPLE = pretty(JSON.stringify({ ...DRAFT_FIRST, type: 'object', required: ['element'], properties: { element: { enum: ['chat bubble', 'buy button'] } } }));
const NOTHING = pretty(JSON.stringify({ ...DRAFT_FIRST, type: 'object' }));

/** A schema drafted from the newest events of a key. @param {Key} key */
async function draftOf({ stream, category, name }) {
  const query = new URLSearchParams({ limit: String(DRAFT_EVENTS) });
  if (category !== null) query.set('category', category);
  if (name !== null) query.set('name', name);
  const { events } = splitPage(await request(`${stream === 'events' ? '/events' : `/streams/${pathPart(stream)}`}?${query}`));
  const examples = events.map((event) => JSON.parse(dataText(event)));
  return { text: pretty(JSON.stringify({ ...DRAFT_FIRST, ...infer(examples) })), n: examples.length };
}

/** @param {{ of: Key, schema: Schema | undefined, again: () => void }} props `schema` is undefined for a key that has none yet */
export function SchemaPage({ of, schema, again }) {
  const [text, setText] = useState(NOTHING);
  const [versions, setVersions] = useState(/** @type {Version[]} */ ([]));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  const [isSaving, setIsSaving] = useState(false);
  const [isTurningOff, setIsTurningOff] = useState(false);
  const isFixed = schema?.source === 'config';

  const load = async (/** @type {boolean} */ isFirst) => {
    try {
      const list = await readVersions(of);
      setVersions(list);
      setFailure(null);
      const newest = list.find(({ isActive }) => isActive) ?? list.at(-1);
      if (isFirst && newest !== undefined) setText(newest.text);
      else if (isFirst && route.peek().query.get('draft') === 'example') setText(EXAMPLE);
      else if (isFirst && route.peek().query.get('draft') === 'events') await draft();
    } catch (error) {
      setFailure(failureOf('The versions could not be read.', error));
    }
  };
  const draft = async () => {
    try {
      const { text: drafted, n } = await draftOf(of);
      if (n > 0) setText(drafted);
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
    <${Editor} text=${text} onText=${setText} fault=${fault} />
    <p class="actions">
      <${Act} class="primary" disabled=${isFixed || fault !== null} onClick=${() => setIsSaving(true)} data-test="save">Save…<//>
      <button onClick=${draft} data-test="draft">Draft from the last ${DRAFT_EVENTS} events</button>
      <button disabled=${fault !== null} onClick=${() => setText(pretty(text))}>Format</button>
      ${schema !== undefined && schema.mode !== 'off' && html`<${Act} disabled=${isFixed} onClick=${() => setIsTurningOff(true)} data-test="turn-off">Turn off<//>`}
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
    <${Field} label="What becomes of an event that breaks it" hint="Events that are stored already keep the verdict that they have.">
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
