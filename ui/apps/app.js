// One application: what it may, its tokens, and a new token in full, for the only time. That box stays on these
// screens until somebody says that the token is kept, because the server does not know it any more.

import { html, signal, useLayoutEffect, useRef, useState } from '../vendor/preact.js';

import { send } from '../lib/api.js';
import { scopesOf } from '../lib/scopes.js';
import { isOut, refreshSession, session, signIn } from '../frame/auth.js';
import { second } from '../frame/clock.js';
import { Act, Ask, Field, Maybe, Table } from '../frame/parts.js';
import { Failure } from '../frame/failure.js';
import { copy } from '../frame/say.js';
import { Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { nowMs } from '../live/live.js';
import { AskApp, LIST_MS, Origins, Rate, State } from './screen.js';

/** @typedef {import('./screen.js').Application} Application */
/**
 * @typedef {object} Token
 * @property {string} id
 * @property {string} application
 * @property {string} label
 * @property {string} prefix
 * @property {'server' | 'browser'} kind
 * @property {string[]} scopes
 * @property {string} created_at
 * @property {string} created_by
 * @property {string | null} expires_at
 * @property {string | null} last_used
 * @property {'active' | 'expired' | 'revoked' | 'disabled'} state
 */
/** @typedef {{ kind: 'edit' | 'disable' | 'create' } | { kind: 'revoke' | 'rotate', token: Token }} Question */

/** @param {{ app: Application, isFirst: boolean, again: () => void }} props `isFirst`: no application has a token yet */
export function AppPage({ app, isFirst, again }) {
  const [question, setQuestion] = useState(/** @type {Question | null} */ (null));
  const onClose = () => setQuestion(null);
  const query = new URLSearchParams({ application: app.name });
  /** @type {import('../health/poll.js').Polled<{ tokens: Token[] }>} */
  const tokens = usePolled(`/tokens?${query}`, LIST_MS, 'The tokens could not be read.');
  const changed = () => {
    tokens.again();
    again();
  };
  return html`
    <p><a href="/ui/apps">All applications</a></p>
    <div class="page-head">
      <h1 tabindex="-1"><${Untrusted} text=${app.name} /></h1>
      <${Act} onClick=${() => setQuestion({ kind: 'edit' })} data-test="edit-app">Change<//>
      <${Act} onClick=${() => setQuestion({ kind: 'disable' })} data-test="disable-app">${app.disabled ? 'Enable' : 'Disable'}<//>
    </div>
    <dl class="fields" data-test="app-facts">
      <dt>State</dt><dd><${State} app=${app} /></dd>
      <dt>Origins</dt><dd><${Origins} app=${app} /></dd>
      <dt>Limit</dt><dd><${Rate} app=${app} /></dd>
      <dt>Created</dt><dd><${Time} at=${app.created_at} nowMs=${nowMs()} /></dd>
    </dl>
    <div class="page-head"><h2>Tokens</h2><${Act} class="primary" onClick=${() => setQuestion({ kind: 'create' })} data-test="new-token">New token<//></div>
    ${tokens.failure !== null && html`<${Failure} facts=${tokens.failure} onRetry=${tokens.again} />`}
    ${tokens.value !== null && (tokens.value.tokens.length === 0
      ? html`<p data-test="no-tokens">No token yet. A client sends one as <code>Authorization: Bearer eyas_…</code>.</p>`
      : html`<${Tokens} list=${tokens.value.tokens} ask=${setQuestion} />`)}
    ${question?.kind === 'edit' && html`<${AskApp} app=${app} onClose=${onClose} again=${again} />`}
    ${question?.kind === 'disable' && html`<${AskDisable} app=${app} onClose=${onClose} again=${changed} />`}
    ${question?.kind === 'create' && html`<${AskToken} app=${app} isFirst=${isFirst} onClose=${onClose} again=${changed} />`}
    ${question?.kind === 'rotate' && html`<${AskRotate} token=${question.token} onClose=${onClose} again=${changed} />`}
    ${question?.kind === 'revoke' && html`<${AskRevoke} token=${question.token} onClose=${onClose} again=${changed} />`}
  `;
}

/** @type {Map<Token['state'], string>} */
const STATES = new Map([['active', '✓'], ['expired', '✗'], ['revoked', '✗'], ['disabled', '✗']]);

/** @param {{ list: Token[], ask: (question: Question) => void }} props */
function Tokens({ list, ask }) {
  void second.value;
  const time = (/** @type {string | null} */ at, /** @type {string} */ none) => (at === null ? html`<span class="none">${none}</span>` : html`<${Time} at=${at} nowMs=${nowMs()} />`);
  return html`<${Table} caption="Newest use is told within a minute" test="token-list" head=${['Label', 'Begins with', 'State', 'Kind', 'Scopes', 'Last used', 'Expires', 'Created', 'Actions']}
    rows=${list.map((token) => [
      html`<${Maybe} text=${token.label || null} />`,
      html`<code><${Untrusted} text=${token.prefix} />…</code>`,
      html`<span class=${token.state === 'active' ? 'ok' : 'bad'}><span aria-hidden="true">${STATES.get(token.state)}</span> ${token.state}</span>`,
      token.kind,
      token.scopes.map((scope) => html`<code class="line"><${Untrusted} text=${scope} /></code>`),
      time(token.last_used, 'never'),
      time(token.expires_at, 'never'),
      html`${time(token.created_at, '')} <span class="muted">by <${Untrusted} text=${token.created_by} charsMax=${40} /></span>`,
      token.state === 'active' && html`<span class="actions">
        <${Act} onClick=${() => ask({ kind: 'rotate', token })} aria-label=${`Rotate ${token.prefix}`}>Rotate<//>
        <${Act} onClick=${() => ask({ kind: 'revoke', token })} aria-label=${`Revoke ${token.prefix}`}>Revoke<//>
      </span>`,
    ])} />`;
}

/** @param {{ app: Application, onClose: () => void, again: () => void }} props */
function AskDisable({ app, onClose, again }) {
  const submit = () => send('PATCH', `/applications/${encodeURIComponent(app.name)}`, { disabled: !app.disabled }).then(again);
  return html`<${Ask} title=${html`${app.disabled ? 'Enable' : 'Disable'} <${Untrusted} text=${app.name} />?`} submit=${app.disabled ? 'Enable' : 'Disable'} onSubmit=${submit} onClose=${onClose}>
    <p>${app.disabled ? 'Its active tokens work again, at once.' : 'All its tokens are refused, at once. Nothing that it sent is lost, and it can be enabled again.'}</p>
  <//>`;
}

/** @param {{ token: Token, onClose: () => void, again: () => void }} props */
function AskRotate({ token, onClose, again }) {
  const submit = async (/** @type {FormData} */ form) => {
    showSecret(await send('POST', `/tokens/${encodeURIComponent(token.id)}/rotate`, { overlap_s: Math.round(Number(form.get('hours')) * 3600) }));
    again();
  };
  return html`<${Ask} title=${html`Rotate <${Untrusted} text=${token.label || token.prefix} />`} submit="Rotate" onSubmit=${submit} onClose=${onClose}>
    <p>A new token with the same label and scopes. The old one works on for a while, so that clients can be changed without a gap.</p>
    <${Field} label="Both work for so many hours" hint="0 ends the old one at once."><input name="hours" type="number" min="0" step="any" defaultValue="24" required /><//>
  <//>`;
}

/** @param {{ token: Token, onClose: () => void, again: () => void }} props */
function AskRevoke({ token, onClose, again }) {
  const [typed, setTyped] = useState('');
  const wanted = token.label || token.prefix;
  const submit = () => send('DELETE', `/tokens/${encodeURIComponent(token.id)}`).then(again);
  return html`<${Ask} title=${html`Revoke <${Untrusted} text=${wanted} />?`} submit="Revoke" isReady=${typed.trim() === wanted.trim()} onSubmit=${submit} onClose=${onClose}>
    <p>Who sends it is refused from now on. This cannot be undone.</p>
    <${Field} label=${html`Type <b><${Untrusted} text=${wanted} /></b> to go on`}>
      <input name="label" value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} autocomplete="off" spellcheck=${false} /><//>
  <//>`;
}

const DAY_S = 86_400;
/** @type {[string, string][]} */
const ENDS = [['', 'never'], [String(DAY_S), 'in a day'], [String(30 * DAY_S), 'in 30 days'], [String(90 * DAY_S), 'in 90 days'], [String(365 * DAY_S), 'in a year']];
/** @type {[string, string][]} */
const SCOPES = [['write', 'send events'], ['read', 'read events, and see the console'], ['admin', 'do everything here']];

/** @param {{ app: import('./screen.js').Application, isFirst: boolean, onClose: () => void, again: () => void }} props */
export function AskToken({ app, isFirst, onClose, again }) {
  const [isBrowser, setIsBrowser] = useState(false);
  const isOpen = session.value !== null && !session.value.required && isFirst;
  const submit = async (/** @type {FormData} */ form) => {
    const scopes = isBrowser ? ['write'] : form.getAll('scope').map(String);
    const ends = String(form.get('expires'));
    const token = await send('POST', '/tokens', {
      application: app.name,
      scopes: scopesOf(scopes, String(form.get('streams'))),
      label: String(form.get('label')).trim(),
      kind: isBrowser ? 'browser' : 'server',
      ...(ends !== '' && { expires_in_s: Number(ends) }),
    });
    // The first token ends the open mode, for this page too.
    await refreshSession();
    // Last, so that the focus goes to the box and not back to the button.
    showSecret(token);
    if (!isOut(session.value)) again();
  };
  return html`<${Ask} title=${html`New token of <${Untrusted} text=${app.name} />`} submit="Create" onSubmit=${submit} onClose=${onClose}>
    ${isOpen && html`<p class="warn" data-test="first-token"><span aria-hidden="true">⚠</span> This is the first token: from then on <b>every request needs one</b>, and this console asks you to sign in.
      Give it <code>admin</code> and sign in with it here, or run <code>eyas login</code> on the server.</p>`}
    <${Field} label="Label" hint="What or whom it is for."><input name="label" required maxlength="100" autocomplete="off" /><//>
    <${Field} label="Kind">
      <select name="kind" onChange=${(/** @type {any} */ event) => setIsBrowser(event.target.value === 'browser')}>
        <option value="server">server: kept secret</option><option value="browser">browser: public, may only send</option>
      </select><//>
    ${isBrowser
      ? html`<p class="warn" data-test="browser-kind"><span aria-hidden="true">⚠</span> Everybody who opens your page can read this token. It may only send events, and only
          from the allowed origins of the application${app.allowed_origins.length === 0 && html`; <b>it has none yet, so this token will not work</b> until you add one`}.</p>`
      : html`<fieldset><legend>It may</legend>
          ${SCOPES.map(([scope, what]) => html`<label class="check"><input type="checkbox" name="scope" value=${scope} defaultChecked=${scope === (isOpen ? 'admin' : 'write')} /><code>${scope}</code> ${what}</label>`)}
        </fieldset>`}
    <${Field} label="Only these streams" hint="Names with spaces between; empty: all. Narrows sending and reading."><input name="streams" autocomplete="off" spellcheck=${false} /><//>
    <${Field} label="Ends"><select name="expires">${ENDS.map(([value, text]) => html`<option value=${value}>${text}</option>`)}</select><//>
  <//>`;
}

/** @typedef {Token & { token: string }} NewToken */

const shown = signal(/** @type {NewToken | null} */ (null));

/** @param {NewToken} token */
export function showSecret(token) {
  shown.value = token;
}

/** A command with which one sees at once that the token works. @param {NewToken} token */
function example({ scopes, token }) {
  const write = scopes.find((scope) => scope.startsWith('write'));
  if (write === undefined && !scopes.includes('admin')) return `curl -H 'Authorization: Bearer ${token}' '${location.origin}/events?limit=1'`;
  const [, stream = ''] = (write ?? '').split(':');
  const path = stream === '' || stream === 'events' ? '/events' : `/streams/${stream}`;
  return `curl -X POST '${location.origin}${path}' \\\n  -H 'Authorization: Bearer ${token}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{"category":"page interaction","name":"cta click","data":{"element":"chat bubble"}}'`;
}

export function Secret() {
  const token = shown.value;
  return token === null ? null : html`<${Box} key=${token.id} token=${token} />`;
}

/** @param {{ token: NewToken }} props */
function Box({ token }) {
  const [isBusy, setIsBusy] = useState(false);
  /** @type {{ current: HTMLElement | null }} */
  const box = useRef(null);
  // Somebody has just asked for this, and it stands above where they are.
  useLayoutEffect(() => {
    requestAnimationFrame(() => box.current?.focus());
  }, []);
  const canSignIn = isOut(session.value) && token.scopes.includes('admin');
  const enter = async () => {
    setIsBusy(true);
    await signIn({ token: token.token });
    setIsBusy(false);
  };
  const assignment = `export TOKEN=${token.token}`;
  const command = example(token);
  return html`<section class="card secret" aria-label="The new token" tabindex="-1" ref=${box} data-test="secret">
    <h2>Keep this token now: it is shown only once</h2>
    <p><${Untrusted} text=${token.label || token.prefix} /> of <b><${Untrusted} text=${token.application} /></b></p>
    ${[['Token', token.token], ['For a shell', assignment], ['Try it', command]].map(([what, text]) => html`<div class="secret-line">
      <span class="muted">${what}</span><pre class="command" tabindex="0" aria-label=${what}>${text}</pre>
      <button onClick=${() => copy(String(text), String(what))} aria-label=${`Copy: ${what}`}>Copy</button>
    </div>`)}
    <p class="actions">
      ${canSignIn && html`<button class="primary" onClick=${enter} disabled=${isBusy} data-test="enter">Sign in here with this token</button>`}
      <button class=${canSignIn ? '' : 'primary'} onClick=${() => (shown.value = null)} data-test="kept">I have kept it</button>
    </p>
  </section>`;
}
