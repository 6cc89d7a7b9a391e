// A new token, in full, for the only time. The box stays on these screens until somebody says that the token
// is kept, because the server does not know it any more.

import { html, signal, useLayoutEffect, useRef, useState } from '../vendor/preact.js';

import { isOut, session, signIn } from '../frame/auth.js';
import { copy } from '../frame/say.js';
import { Untrusted } from '../frame/text.js';

/** @typedef {import('./app.js').Token & { token: string }} NewToken */

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
