// Sends a file as one batch, in parts, over any number of broken connections. Pure but for what it is handed.
//
//   begin: POST, complete ?0, no row yet ──► the batch's address, offset 0
//     ┌──► PATCH at offset, one part, complete ?0 ──► 204, the end of the last whole row: the next offset ──┐
//     │                                                                                                    │
//     ├────────────────────────────────────────────────────────────────────────────────────────────────────┘
//     ├─── connection lost, server busy: wait, HEAD ──► the offset that the server has ──► go on from there
//     └──► PATCH, the last part, complete ?1 ──► the batch as it was judged
//
// Invariant: the offset is always the server's word. A part may be sent twice, and is taken once.

import { ApiError } from './api.js';
import { waitMs } from './backoff.js';

/** One part, and so how much is sent again after a loss. The server's rows have at most 1 MiB, so each part moves the offset. */
export const PART_BYTES = 4 << 20;

/** @typedef {import('./api.js').Answer} Answer */
/** @typedef {import('./api.js').Transfer} Transfer */
/** @typedef {{ size: number, slice: (from: number, to: number) => { arrayBuffer: () => Promise<ArrayBuffer> } }} Source a `File` */
/**
 * @typedef {object} Sending
 * @property {Source} file
 * @property {string} path where a new batch is begun
 * @property {{ [name: string]: string }} headers of its beginning: type, key
 * @property {string | null} id of a batch that was begun before
 * @property {(transfer: Transfer) => Promise<Answer>} transfer
 * @property {(ms: number) => Promise<void>} wait
 * @property {AbortSignal} stop
 * @property {(how: { id: string | null, bytes: number, trouble: string }) => void} tell
 */

const OTHER_FILE = 'This is not the file that the upload began with.';

/** Refusals that asking for the offset settles: a request that was broken off is still being worked on, or the batch is whole. */
const SETTLED_LATER = ['upload_busy', 'upload_over'];

/** Whether the same may succeed later. @param {unknown} error */
function isPassing(error) {
  const { status, code } = error instanceof ApiError ? error : { status: -1, code: '' };
  return status === 0 || status === 408 || status === 429 || status >= 500 || SETTLED_LATER.includes(code);
}

/** @param {Answer} answer */
function offsetOf(answer) {
  const text = answer.header('upload-offset');
  if (text === null || !/^[0-9]+$/.test(text)) throw new ApiError(0, '', 'The server does not say yet how much of the file it has.');
  return Number(text);
}

/** The last part of the address that names a batch. @param {Answer} answer */
function idOf(answer) {
  const id = /\/batches\/([^/?#]+)$/.exec(answer.header('location') ?? '')?.[1];
  if (id === undefined) throw new Error('The server did not name the batch.');
  return decodeURIComponent(id);
}

/** The batch that a conflict names. @param {string} problem @returns {string | null} */
function begunBefore(problem) {
  try {
    const { batch } = JSON.parse(problem);
    return typeof batch?.id === 'string' ? batch.id : null;
  } catch {
    return null;
  }
}

/**
 * @param {Sending} sending
 * @returns {Promise<string>} the batch, which is whole now; whether its rows are good is the batch's own matter
 */
export async function sendFile({ file, path, headers, id, transfer, wait, stop, tell }) {
  /** @type {number | null} null: the server must be asked */
  let offset = id === null ? 0 : null;
  let nTries = 0;
  for (;;) {
    stop.throwIfAborted();
    try {
      if (id === null) id = await begin();
      else if (offset === null) {
        const answer = await transfer({ method: 'HEAD', path: `/batches/${encodeURIComponent(id)}`, stop });
        if (answer.status >= 400) throw answer.refusal();
        if (answer.header('upload-complete') === '?1') return id;
        offset = offsetOf(answer);
      } else if (await sendPart(id, offset)) return id;
      nTries = 0;
    } catch (error) {
      if (stop.aborted || !isPassing(error)) throw error;
      tell({ id, bytes: offset ?? 0, trouble: error instanceof Error ? error.message : String(error) });
      if (id !== null) offset = null;
      await wait(waitMs(nTries, Math.random()));
      nTries += 1;
    }
  }

  /** @returns {Promise<string>} */
  async function begin() {
    const answer = await transfer({ method: 'POST', path, headers: { ...headers, 'upload-complete': '?0' }, stop });
    // Its answer was lost the first time: the key names the batch that was begun.
    const begun = answer.status === 409 ? begunBefore(answer.text) : null;
    if (begun !== null) {
      offset = null;
      return begun;
    }
    if (answer.status !== 201) throw answer.refusal();
    return idOf(answer);
  }

  /** @param {string} batch @param {number} from @returns {Promise<boolean>} whether that was the last one */
  async function sendPart(batch, from) {
    if (from > file.size) throw new Error(OTHER_FILE);
    const to = Math.min(from + PART_BYTES, file.size);
    const isLast = to === file.size;
    // Read first: a file that is gone or was changed says so here, and is not taken for a lost connection.
    const body = await file.slice(from, to).arrayBuffer();
    tell({ id: batch, bytes: from, trouble: '' });
    const answer = await transfer({
      method: 'PATCH', path: `/batches/${encodeURIComponent(batch)}`, body, stop, onSent: (bytes) => tell({ id: batch, bytes: from + bytes, trouble: '' }),
      headers: { 'content-type': 'application/partial-upload', 'upload-offset': String(from), 'upload-complete': isLast ? '?1' : '?0' },
    });
    if (answer.status === 409 && answer.header('upload-offset') !== null) {
      offset = offsetOf(answer);
      if (offset === from) throw new Error(OTHER_FILE);
      return false;
    }
    // Refused rows are an end, too: the batch says which.
    if (isLast && answer.status === 422) return true;
    if (answer.status >= 300) throw answer.refusal();
    if (isLast) return true;
    offset = offsetOf(answer);
    if (offset <= from) throw new Error(`The server found no whole row in ${body.byteLength} bytes.`);
    return false;
  }
}
