// The card that asks who it is: in place of a screen, or above one whose sign-in was lost.

import { html, useState } from '../vendor/preact.js';

import { plain } from '../lib/escape.js';
import { isLost, isOut, session, signIn, signInFault, signOut } from './auth.js';
import { Untrusted } from './text.js';

/** Plain http is read by everybody on the way, except on this machine. */
const isOpenWire = location.protocol === 'http:' && !/^(localhost|127\..*|\[::1\])$/.test(location.hostname);

function Card() {
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    setIsBusy(true);
    await signIn({ token: String(new FormData(form).get('token')).trim() });
    setIsBusy(false);
  };
  return html`<form class="sign-in" onSubmit=${submit} data-test="sign-in">
    <p>Paste a token that may read or administer, or open the link that <code>eyas login</code> prints on the server.</p>
    <label class="field"><span>Token</span><input name="token" type="password" required autocomplete="off" spellcheck=${false} placeholder="eyas_…" /></label>
    ${isOpenWire && html`<p class="warn"><span aria-hidden="true">⚠</span> This page came over plain http: others on the network can read what you paste.</p>`}
    ${signInFault.value !== '' && html`<p class="bad" role="alert" data-test="sign-in-fault"><${Untrusted} text=${signInFault.value} /></p>`}
    <p class="actions"><button class="primary" disabled=${isBusy}>Sign in</button></p>
  </form>`;
}

export function SignIn() {
  return html`<main class="page"><div class="card sign-in-card">
    <h1 tabindex="-1">Sign in</h1>
    <${Card} />
  </div></main>`;
}

/** Above a screen that was there before: what it shows stays. */
export function SignedOut() {
  if (!isOut(session.value) || !isLost.value) return null;
  return html`<div class="signed-out" data-test="signed-out">
    <p role="alert"><b>You are signed out.</b> What is on the screen stays; nothing more is read or changed until you sign in.</p>
    <${Card} />
  </div>`;
}

/** Who is signed in, and the way out. */
export function Who() {
  if (session.value === null || !session.value.signed_in || !session.value.required) return null;
  return html`<button class="quiet" onClick=${signOut} title=${`End this browser’s session${session.value.actor === null ? '' : `: ${plain(session.value.actor)}`}`} data-test="sign-out">Sign out${session.value.actor !== null && html` <span class="label who"><${Untrusted} text=${session.value.actor} charsMax=${24} /></span>`}</button>`;
}
