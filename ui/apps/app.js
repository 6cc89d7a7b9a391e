// One application: what it may, and its tokens.

import { html, useState } from '../vendor/preact.js';

import { send } from '../lib/api.js';
import { second } from '../frame/clock.js';
import { Act, Ask, Field } from '../frame/dialog.js';
import { Failure } from '../frame/failure.js';
import { Maybe, Table } from '../frame/table.js';
import { Time, Untrusted } from '../frame/text.js';
import { usePolled } from '../health/poll.js';
import { nowMs } from '../live/live.js';
import { AskApp, LIST_MS, Origins, Rate, State } from './screen.js';
import { showSecret } from './secret.js';
import { AskToken } from './token.js';

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
