// A part of the page that could not be had: what, status, request id, Retry, the details to copy. What
// is already on the screen stays there.

import { html } from '../vendor/preact.js';

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

/** @param {{ facts: FailureFacts, onRetry: () => void, children?: any }} props */
export function Failure({ facts: { what, status, requestId, detail }, onRetry, children }) {
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
