// A part of the page that could not be had: what, status, request id, Retry, the details to copy. What
// is already on the screen stays there. Where the server was not reached it is asked again by itself once that is back.

import { html, useEffect } from '../vendor/preact.js';

import { ApiError } from '../lib/api.js';
import { copy } from './say.js';
import { Untrusted } from './text.js';

/** @typedef {{ what: string, status: number, requestId: string, detail: string }} FailureFacts */

/**
 * @param {string} what a whole sentence
 * @param {unknown} error
 * @returns {FailureFacts}
 */
export function failureOf(what, error) {
  const { status, requestId } = error instanceof ApiError ? error : { status: 0, requestId: '' };
  return { what, status, requestId, detail: error instanceof Error ? error.message : String(error) };
}

/** Between two looks whether the server is back. */
const LOOK_MS = 2000;

/** @param {FailureFacts} facts @param {(() => void) | null} onBack */
function useReturn(facts, onBack) {
  useEffect(() => {
    if (facts.status !== 0 || onBack === null) return undefined;
    let timer = 0;
    const look = async () => {
      const isBack = !document.hidden && await fetch('/readyz').then(({ ok }) => ok, () => false);
      if (timer === 0) return;
      if (isBack) onBack();
      else timer = Number(setTimeout(look, LOOK_MS));
    };
    timer = Number(setTimeout(look, LOOK_MS));
    return () => {
      clearTimeout(timer);
      timer = 0;
    };
  }, [facts]);
}

/**
 * @param {object} props
 * @param {FailureFacts} props.facts
 * @param {() => void} props.onRetry
 * @param {boolean} [props.isByHand] it is not asked again unless a person wants it
 * @param {any} [props.children]
 */
export function Failure({ facts, onRetry, isByHand = false, children }) {
  useReturn(facts, isByHand ? null : onRetry);
  const { what, status, requestId, detail } = facts;
  const details = `${what}\nStatus ${status}\nRequest ${requestId}\n${detail}`;
  return html`<div class="empty failed" role="alert" data-test="failed">
    <h2>${what}</h2>
    <p><${Untrusted} text=${detail} /></p>
    <p class="muted">${status === 0 ? 'No answer' : `Status ${status}`}${requestId !== '' && html` · request <${Untrusted} text=${requestId} />`}</p>
    <p class="actions">
      <button class="primary" onClick=${onRetry}>Retry</button>
      <button onClick=${() => copy(details, 'The details')}>Copy details</button>
      ${children}
    </p>
  </div>`;
}
