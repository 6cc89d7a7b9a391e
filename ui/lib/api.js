// Asks the server for something by HTTP, and turns every way of failing into one kind of error.

/** What went wrong, in words for a screen. Status 0 means that the server was not reached. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} requestId
   * @param {string} detail
   * @param {string[]} [streams] those that an ambiguous id may mean
   * @param {string} [code] the problem's own name
   */
  constructor(status, requestId, detail, streams = [], code = '') {
    super(detail);
    this.status = status;
    this.requestId = requestId;
    this.streams = streams;
    this.code = code;
  }
}

let tellSignedOut = () => {};

/** Calls this whenever the server does not know who asks. @param {() => void} tell */
export function whenSignedOut(tell) {
  tellSignedOut = tell;
}

/**
 * The body of the answer as text; problem+json, network faults and a form that was not asked for become
 * an `ApiError`.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<string>}
 */
export function request(path, init) {
  return answered(path, init, (response) => response.text());
}

/**
 * The same as a file, which browsers keep on disk where it is large.
 * @param {string} path
 * @param {RequestInit} init
 */
export function requestFile(path, init) {
  return answered(path, init, (response) => response.blob());
}

/**
 * @template {string | Blob} T
 * @param {string} path
 * @param {RequestInit | undefined} init
 * @param {(response: Response) => Promise<T>} read
 * @returns {Promise<T>}
 */
async function answered(path, init, read) {
  /** @type {Response} */
  let response;
  /** @type {T} */
  let body;
  try {
    response = await fetch(path, init);
    body = await read(response);
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, '', 'The server cannot be reached.');
  }
  const requestId = response.headers.get('x-request-id') ?? '';
  const form = new Headers(init?.headers).get('accept') ?? '';
  if (response.ok && (response.headers.get('content-type') ?? '').startsWith(form)) return body;
  if (response.ok) throw new ApiError(response.status, requestId, `The server does not give ${form} here.`);
  throw refusalOf(path, response.status, requestId, typeof body === 'string' ? body : await body.text(), response.statusText);
}

/** @param {string} path @param {number} status @param {string} requestId @param {string} text @param {string} otherwise */
function refusalOf(path, status, requestId, text, otherwise) {
  const { detail, streams, code } = problemOf(text, otherwise);
  if (status === 401 && path !== '/session') tellSignedOut();
  return new ApiError(status, requestId, detail, streams, code);
}

/** @typedef {{ status: number, text: string, header: (name: string) => string | null, refusal: () => ApiError }} Answer */
/**
 * @typedef {object} Transfer
 * @property {'POST' | 'PATCH' | 'HEAD'} method
 * @property {string} path
 * @property {{ [name: string]: string }} [headers]
 * @property {Blob | ArrayBuffer | null} [body]
 * @property {AbortSignal} stop
 * @property {(bytes: number) => void} [onSent] how much of the body has left
 */

/**
 * Sends something large and tells how far it is, which `fetch` cannot. Every answer resolves, whatever its status.
 * @param {Transfer} transfer
 * @returns {Promise<Answer>}
 */
export function transfer({ method, path, headers = {}, body = null, stop, onSent }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open(method, path);
    for (const [name, value] of Object.entries({ 'x-requested-by': 'console', ...headers })) request.setRequestHeader(name, value);
    const header = (/** @type {string} */ name) => request.getResponseHeader(name);
    if (onSent !== undefined) request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onload = () => resolve({
      status: request.status, text: request.responseText, header,
      refusal: () => refusalOf(path, request.status, header('x-request-id') ?? '', request.responseText, request.statusText),
    });
    request.onerror = () => reject(new ApiError(0, '', 'The server cannot be reached.'));
    request.onabort = () => reject(stop.reason ?? new DOMException('stopped', 'AbortError'));
    request.onloadend = () => stop.removeEventListener('abort', abort);
    stop.throwIfAborted();
    stop.addEventListener('abort', abort);
    request.send(body);
  });
}

/**
 * Changes something, and says to the server that it is the console that asks (a form of another origin cannot).
 * @param {'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @param {string} path
 * @param {object | string} [body] a text is JSON already
 * @returns {Promise<any>} what the server answered, null for nothing
 */
export async function send(method, path, body) {
  const headers = { 'x-requested-by': 'console', ...(body !== undefined && { 'content-type': 'application/json' }) };
  const text = await request(path, { method, headers, body: typeof body === 'object' ? JSON.stringify(body) : body });
  return text === '' ? null : JSON.parse(text);
}

/** What an error says. @param {unknown} error */
export const words = (error) => (error instanceof Error ? error.message : String(error));

/** The server's hints are phrases; here they stand behind a sentence. @param {string} text */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

/**
 * @param {string} text the body, `application/problem+json` if all is well
 * @param {string} otherwise
 * @returns {{ detail: string, streams: string[], code: string }}
 */
function problemOf(text, otherwise) {
  try {
    const problem = JSON.parse(text);
    const words = [problem.detail ?? problem.title, typeof problem.hint === 'string' ? sentence(problem.hint) : null].filter((word) => typeof word === 'string');
    const streams = Array.isArray(problem.streams) ? problem.streams.map(String) : [];
    return { detail: words.length > 0 ? words.join(' ') : otherwise, streams, code: String(problem.code ?? '') };
  } catch {
    return { detail: otherwise || 'The answer was no JSON.', streams: [], code: '' };
  }
}
