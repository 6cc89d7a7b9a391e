// What stands in place of the list when it has no rows: loading, a failure, nothing that matches, or
// nothing at all yet, with an example that works as it stands.

import { html, signal } from '../vendor/preact.js';

import { ApiError } from '../lib/api.js';
import { session } from '../frame/auth.js';
import { Failure } from '../frame/failure.js';
import { copy } from '../frame/say.js';
import { count, Untrusted } from '../frame/text.js';
import { sendEvent } from './feed.js';
import { commitFilter, frame, model, nowMs, retry, terms } from './live.js';

const failure = signal('');
const isSending = signal(false);
const language = signal('curl');

export function Empty() {
  void frame.value;
  if (model.failure !== null) {
    return html`<${Failure} facts=${model.failure} onRetry=${retry}>
      ${terms.value.length > 0 && html`<button onClick=${() => commitFilter([])}>Clear filter</button>`}
    <//>`;
  }
  if (model.connection === 'loading') return html`<div class="empty" data-test="loading"><p>Loading the newest events…</p></div>`;
  if (model.connection === 'offline' && model.stats === null) return html`<${Unreachable} />`;
  return terms.value.length > 0 ? html`<${NoMatch} />` : html`<${First} />`;
}

function Unreachable() {
  return html`<div class="empty" data-test="unreachable">
    <h2>The server cannot be reached</h2>
    <p>${location.origin} does not answer. This page tries again by itself.</p>
    <p class="actions"><button class="primary" onClick=${retry}>Retry now</button></p>
  </div>`;
}

function NoMatch() {
  const nOthers = Math.max(0, model.nAcceptedLately);
  return html`<div class="empty" data-test="no-match">
    <h2>No event matches</h2>
    <p>${count(nOthers)} ${nOthers === 1 ? 'other' : 'others'} arrived in the last minute. A new one that matches will show here at once.</p>
    <p class="actions"><button class="primary" onClick=${() => commitFilter([])}>Clear filter</button></p>
  </div>`;
}

/** The body of the example, with the moment in which it was first shown. @param {number} ms */
function exampleBody(ms) {
  return JSON.stringify({
    session_id: 'e2085be5-9137-4e4e-80b5-f1ffddc25423',
    category: 'page interaction',
    name: 'cta click',
    data: { host: 'www.example.com', path: '/', element: 'chat bubble' },
    timestamp: new Date(ms).toISOString(),
  });
}

/** @type {string | null} */
let shownBody = null;

/** A line where tokens are required, another or none where they are not. @param {string} line @param {string[]} otherwise */
const ifToken = (line, ...otherwise) => (session.value?.required ? [line] : otherwise);

/** The same event in four ways, each complete as it stands. @type {[string, (body: string) => string[]][]} */
const WAYS = [
  ['curl', (body) => [`curl -X POST ${location.origin}/events \\`, ...ifToken('  -H "Authorization: Bearer $TOKEN" \\'), '  -H "Content-Type: application/json" \\', `  -d '${body}'`]],
  ['JavaScript', (body) => [
    `await fetch('${location.origin}/events', {`,
    "  method: 'POST',",
    ...ifToken("  headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },", "  headers: { 'content-type': 'application/json' },"),
    `  body: JSON.stringify(${body}),`,
    '});',
  ]],
  ['Python', (body) => [
    'import json, urllib.request',
    '',
    `event = ${body}`,
    `request = urllib.request.Request('${location.origin}/events', json.dumps(event).encode(), {'Content-Type': 'application/json'${ifToken(", 'Authorization': f'Bearer {TOKEN}'").join('')}})`,
    'print(urllib.request.urlopen(request).status)',
  ]],
  ['eyas send', (body) => [`echo '${body}' |`, `  ${ifToken('EYAS_TOKEN="$TOKEN" ').join('')}eyas send --url ${location.origin} -`]],
];

export function First() {
  shownBody ??= exampleBody(nowMs());
  const code = (WAYS.find(([name]) => name === language.value)?.[1] ?? (() => []))(shownBody).join('\n');
  return html`<div class="empty" data-test="empty">
    <h2>Waiting for the first event on ${location.origin}</h2>
    <p>Send one, and it stands here as soon as it is on disk:</p>
    <div class="ranges" role="group" aria-label="Language of the example">
      ${WAYS.map(([name]) => html`<button aria-pressed=${String(name === language.value)} onClick=${() => (language.value = name)}>${name}</button>`)}
    </div>
    <pre class="command" tabindex="0" aria-label="Example" data-test="curl">${code}</pre>
    <p class="actions">
      <button class="primary" onClick=${() => copy(code, 'The example')}>Copy</button>
      <button onClick=${send} disabled=${isSending.value} data-test="send">Send a test event</button>
      <a href="/docs">All of the API</a>
    </p>
    ${failure.value !== '' && html`<p role="alert" class="bad">Not sent: <${Untrusted} text=${failure.value} /></p>`}
  </div>`;
}

async function send() {
  isSending.value = true;
  failure.value = '';
  try {
    await sendEvent(exampleBody(nowMs()));
  } catch (error) {
    failure.value = error instanceof ApiError ? error.message : String(error);
  }
  isSending.value = false;
}
