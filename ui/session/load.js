// Reads one page of a session. A page that was read stays on the screen until the next one is there.

import { useEffect, useState } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { splitPage } from '../lib/raw-json.js';
import { isAddressable, pathPart } from '../lib/route.js';
import { failureOf } from '../frame/failure.js';

/** Events on a page. */
export const PAGE_EVENTS = 1000;

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */
/** @typedef {{ events: RawEvent[], next: string | null }} Page */
/** @typedef {{ page: Page | null, failure: import('../frame/failure.js').FailureFacts | null, isLoading: boolean, reload: () => void }} Loaded */

/** @param {string} id */
export const sessionPath = (id) => `/sessions/${pathPart(id)}`;

/**
 * @param {string} id
 * @param {string | null} after the session's cursor, null for its beginning
 * @returns {Loaded}
 */
export function useSession(id, after) {
  const [attempt, setAttempt] = useState(0);
  const [loaded, setLoaded] = useState({ id, page: /** @type {Page | null} */ (null), failure: /** @type {Loaded['failure']} */ (null), isLoading: true });
  useEffect(() => {
    const stop = new AbortController();
    setLoaded((old) => ({ id, page: old.id === id ? old.page : null, failure: null, isLoading: true }));
    read(id, after, stop.signal).then(
      (page) => stop.signal.aborted || setLoaded({ id, page, failure: null, isLoading: false }),
      (error) => stop.signal.aborted || setLoaded((old) => ({ ...old, failure: failureOf('The session could not be read.', error), isLoading: false })),
    );
    return () => stop.abort();
  }, [id, after, attempt]);
  return { ...loaded, reload: () => setAttempt((n) => n + 1) };
}

/** @param {string} id @param {string | null} after @param {AbortSignal} signal @returns {Promise<Page>} */
async function read(id, after, signal) {
  if (!isAddressable(id)) throw new Error('Browsers cannot ask for a session of this id; curl --path-as-is can.');
  const query = new URLSearchParams({ limit: String(PAGE_EVENTS) });
  if (after !== null) query.set('after', after);
  return splitPage(await request(`${sessionPath(id)}?${query}`, { signal }));
}
