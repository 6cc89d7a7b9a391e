// Asks for a new token: what it may, where, and until when.

import { html, useState } from '../vendor/preact.js';

import { send } from '../lib/api.js';
import { scopesOf } from '../lib/scopes.js';
import { isOut, refreshSession, session } from '../frame/auth.js';
import { Ask, Field } from '../frame/dialog.js';
import { Untrusted } from '../frame/text.js';
import { showSecret } from './secret.js';

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
    showSecret(token);
    // The first token ends the open mode, for this page too.
    await refreshSession();
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
