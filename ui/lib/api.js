// Asks the server for something by HTTP, and turns every way of failing into one kind of error.

/** What went wrong, in words for a screen. Status 0 means that the server was not reached. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} requestId
   * @param {string} detail
   * @param {string[]} [streams] those that an ambiguous id may mean
   */
  constructor(status, requestId, detail, streams = []) {
    super(detail);
    this.status = status;
    this.requestId = requestId;
    this.streams = streams;
  }
}

/**
 * The body of the answer as text; problem+json, network faults and a form that was not asked for become
 * an `ApiError`.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<string>}
 */
export async function request(path, init) {
  /** @type {Response} */
  let response;
  /** @type {string} */
  let text;
  try {
    response = await fetch(path, init);
    text = await response.text();
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, '', 'The server cannot be reached.');
  }
  const requestId = response.headers.get('x-request-id') ?? '';
  const form = new Headers(init?.headers).get('accept') ?? '';
  if (response.ok && (response.headers.get('content-type') ?? '').startsWith(form)) return text;
  if (response.ok) throw new ApiError(response.status, requestId, `The server does not give ${form} here.`);
  const { detail, streams } = problemOf(text, response.statusText);
  throw new ApiError(response.status, requestId, detail, streams);
}

/**
 * @param {string} text the body, `application/problem+json` if all is well
 * @param {string} otherwise
 * @returns {{ detail: string, streams: string[] }}
 */
function problemOf(text, otherwise) {
  try {
    const problem = JSON.parse(text);
    const words = [problem.detail ?? problem.title, problem.hint].filter((word) => typeof word === 'string');
    const streams = Array.isArray(problem.streams) ? problem.streams.map(String) : [];
    return { detail: words.length > 0 ? words.join(' ') : otherwise, streams };
  } catch {
    return { detail: otherwise || 'The answer was no JSON.', streams: [] };
  }
}
