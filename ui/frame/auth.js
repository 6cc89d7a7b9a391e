// Who the server takes this browser for, and what it may do.
//
//   start ──► GET /session ──► open (nothing required) or signed in ──► the screens
//                          └─► signed out: the card                       │ 401 from anywhere
//                                 ▲   └── token or code: POST /session    ▼
//                                 └──────────────────────────────── lost: a banner, and the card
//
// A token never stands in an address. A code does, behind the `#`, which no browser sends to a server; it
// works once, and it is out of the address before anything else happens. A server that does not tell its
// session is asked for everything else all the same: it refuses what it must.

import { batch, signal } from '../vendor/preact.js';

import { request, send, whenSignedOut, words } from '../lib/api.js';

/** @typedef {'read' | 'admin'} Role */
/** @typedef {{ required: boolean, signed_in: boolean, roles: string[], actor: string | null, expires_at: string | null }} Session */

/** @type {Session} */
const UNTOLD = { required: false, signed_in: false, roles: ['read', 'admin'], actor: null, expires_at: null };

/** null until the server was asked. @type {import('../vendor/preact.js').Signal<Session | null>} */
export const session = signal(/** @type {Session | null} */ (null));
/** Whether this page was let in before it was signed out: what it shows stays. */
export const isLost = signal(false);
/** Why the last attempt to sign in failed. */
export const signInFault = signal('');

/** @param {Session | null} of */
export const isOut = (of) => of !== null && of.required && !of.signed_in;

/** Whether the buttons of a role work. What was allowed stays so when the sign-in is lost, so that nothing changes under a person. @param {Role} role */
export const may = (role) => session.value?.roles.includes(role) ?? false;

/** Asks the server again who this is. */
export async function refreshSession() {
  /** @type {Session} */
  let told = UNTOLD;
  try {
    told = JSON.parse(await request('/session'));
  } catch {
    // As the head of this file says.
  }
  const before = session.peek();
  batch(() => {
    if (isOut(told) && before !== null && !isOut(before)) {
      isLost.value = true;
      told = { ...told, roles: before.roles };
    } else if (!isOut(told)) isLost.value = false;
    session.value = told;
  });
}

/** @param {{ token: string } | { code: string }} proof */
export async function signIn(proof) {
  signInFault.value = '';
  let fault = '';
  try {
    await send('POST', '/session', proof);
  } catch (error) {
    fault = words(error);
  }
  await refreshSession();
  // Said last, when the card takes another token. Whoever is in needs no reason: so it is with a code for a server that asks for none.
  if (isOut(session.peek())) signInFault.value = fault;
}

export async function signOut() {
  await send('DELETE', '/session');
  // All that was read goes with it, and what was being written.
  try {
    sessionStorage.clear();
  } catch {
    // Where storage is forbidden, nothing was kept.
  }
  location.assign('/ui/');
}

/** The code of a link that `eyas login` printed, taken out of the address. @returns {string | null} */
function takeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code !== null) history.replaceState(history.state, '', location.pathname + location.search);
  return code;
}

export async function startSession() {
  whenSignedOut(refreshSession);
  const useCode = async () => {
    const code = takeCode();
    if (code !== null) await signIn({ code });
    return code !== null;
  };
  // The same link, opened in a tab that shows the console already.
  window.addEventListener('hashchange', useCode);
  if (!(await useCode())) await refreshSession();
}
