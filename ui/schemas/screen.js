// Schemas, /ui/schemas: what is judged, by which version, and what comes without a judge. With `stream` in the
// query it is the schema of one key.

import { html, useState } from '../vendor/preact.js';

import { reading } from '../lib/amount.js';
import { schemaHref } from '../lib/route.js';
import { second } from '../frame/clock.js';
import { Act, Ask, Field, KeyText, LookOnly, Table } from '../frame/parts.js';
import { Failure } from '../frame/failure.js';
import { go, route } from '../frame/navigate.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { nowMs } from '../live/live.js';
import { SchemaPage } from './schema.js';

const LIST_MS = 15_000;

/** @typedef {import('../lib/route.js').Key} Key */
/** @typedef {'off' | 'keep' | 'reject'} Mode */
/**
 * @typedef {Key & { mode: Mode, version: number | null, n_versions: number, source: 'config' | 'api', changed_at: string,
 *   changed_by: string, seen: number, invalid: number }} Schema
 */
/** @typedef {{ schemas: Schema[], unmatched: (Key & { count: number, last_seen: string })[] }} List */

/** A key that people know from the first example of Live. @type {Key} */
const EXAMPLE = { stream: 'events', category: 'page interaction', name: 'cta click' };

/** The key that the address names. @returns {Key | null} */
function keyOfAddress() {
  const { query } = route.value;
  const stream = query.get('stream');
  return stream === null ? null : { stream, category: query.get('category'), name: query.get('name') };
}

export function SchemasScreen() {
  /** @type {import('../health/poll.js').Polled<List>} */
  const { value, failure, again } = usePolled('/schemas', LIST_MS, 'The schemas could not be read.');
  const key = keyOfAddress();
  const found = key === null ? undefined : value?.schemas.find(({ stream, category, name }) => stream === key.stream && category === key.category && name === key.name);
  return html`<main class="page" data-test="schemas">
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${again} />`}
    ${value === null
      ? failure === null && html`<h1 tabindex="-1">Schemas</h1><p>Reading…</p>`
      : key === null ? html`<${All} list=${value} again=${again} />` : html`<${SchemaPage} key=${schemaHref(key)} of=${key} schema=${found} again=${again} />`}
  </main>`;
}

/** @param {{ list: List, again: () => void }} props */
function All({ list: { schemas, unmatched } }) {
  const [isAsking, setIsAsking] = useState(false);
  void second.value;
  return html`
    <div class="page-head"><h1 tabindex="-1">Schemas</h1><${Act} class="primary" onClick=${() => setIsAsking(true)} data-test="new-schema">New schema<//></div>
    <${LookOnly} />
    ${schemas.length === 0
      ? html`<div class="card first" data-test="empty">
          <h2>Every event is valid until a schema says otherwise</h2>
          <p>A JSON Schema judges the <code>data</code> of the events of one stream, category and name. <b>keep</b> stores what breaks it and marks it
            invalid; <b>reject</b> refuses it with the reason.</p>
          <p class="actions"><a class="button" href=${`${schemaHref(EXAMPLE)}&draft=example`} data-test="example">Try it with page interaction / cta click</a></p>
        </div>`
      : html`<${Table} caption="Counted since the server started" test="schema-list" head=${['Schema of', 'Mode', 'Version', 'Events', 'Invalid', 'From', 'Last change']}
          rows=${schemas.map((schema) => [
            html`<a href=${schemaHref(schema)}><${KeyText} of=${schema} /></a>`,
            html`<${ModeWord} mode=${schema.mode} />`,
            schema.version === null ? html`<span class="none">–</span>` : `${count(schema.version)} of ${count(schema.n_versions)}`,
            count(schema.seen),
            html`<${Share} schema=${schema} />`,
            schema.source === 'config' ? 'configuration' : 'here',
            html`<${Time} at=${schema.changed_at} nowMs=${nowMs()} /> <span class="muted">by <${Untrusted} text=${schema.changed_by} charsMax=${40} /></span>`,
          ])} />`}
    ${unmatched.length > 0 && html`<${Table} caption="Seen without a schema, since there are schemas" test="unmatched" head=${['Events', 'Seen', 'Last', 'Then']}
      rows=${unmatched.map((key) => [
        html`<${KeyText} of=${key} />`, count(key.count), html`<${Time} at=${key.last_seen} nowMs=${nowMs()} />`,
        html`<a href=${`${schemaHref(key)}&draft=events`}>Draft a schema</a>`,
      ])} />`}
    ${isAsking && html`<${AskKey} onClose=${() => setIsAsking(false)} />`}
  `;
}

/** @type {Map<Mode, [string, string, string]>} */
const MODES = new Map([['off', ['none', '○', 'off']], ['keep', ['ok', '✓', 'keep']], ['reject', ['warn', '✗', 'reject']]]);

/** @param {{ mode: Mode }} props */
export function ModeWord({ mode }) {
  const [kind, glyph, word] = MODES.get(mode) ?? ['none', '○', 'off'];
  return html`<span class=${kind}><span aria-hidden="true">${glyph}</span> ${word}</span>`;
}

/** @param {{ schema: Schema }} props */
export function Share({ schema: { seen, invalid } }) {
  if (invalid === 0) return '0';
  return html`<span class="bad">${count(invalid)} · ${reading((100 * invalid) / Math.max(1, seen), 'count')} %</span>`;
}

/** @param {{ onClose: () => void }} props */
function AskKey({ onClose }) {
  const submit = async (/** @type {FormData} */ form) => {
    const [stream = '', category = '', name = ''] = ['stream', 'category', 'name'].map((field) => String(form.get(field)));
    go(schemaHref({ stream: stream.trim() || 'events', category: category || null, name: name || null }));
  };
  return html`<${Ask} title="New schema" submit="Write it" onSubmit=${submit} onClose=${onClose}>
    <p>The most exact schema that fits an event judges it: category and name first, then one of them, then the stream.</p>
    <${Field} label="Stream"><input name="stream" defaultValue="events" required autocomplete="off" spellcheck=${false} /><//>
    <${Field} label="Category" hint="Empty: any."><input name="category" autocomplete="off" spellcheck=${false} /><//>
    <${Field} label="Name" hint="Empty: any."><input name="name" autocomplete="off" spellcheck=${false} /><//>
  <//>`;
}
