// Reads one event by its id, and again once a second for as long as it waits for the database.

import { useEffect, useState } from '../vendor/preact.js';

import { ApiError, request } from '../lib/api.js';
import { splitEvent } from '../lib/raw-json.js';
import { eventPath, isAddressable } from '../lib/route.js';
import { failureOf } from '../frame/failure.js';

const AGAIN_MS = 1000;

/** @typedef {import('../lib/raw-json.js').RawEvent} RawEvent */
/** @typedef {import('../frame/failure.js').FailureFacts} FailureFacts */
/**
 * @typedef {{ kind: 'loading' } | { kind: 'found', event: RawEvent } | { kind: 'missing' } |
 *   { kind: 'several', streams: string[] } | { kind: 'failed', facts: FailureFacts }} Loaded
 */

/**
 * @param {string | null} id null asks for nothing
 * @param {string | null} stream null means any
 * @returns {{ loaded: Loaded, retry: () => void }}
 */
export function useEvent(id, stream) {
  const [attempt, setAttempt] = useState(0);
  const [found, setFound] = useState({ id, stream, loaded: /** @type {Loaded} */ ({ kind: 'loading' }) });
  useEffect(() => {
    if (id === null) return;
    const stop = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const ask = async () => {
      const loaded = await read(id, stream, stop.signal);
      if (stop.signal.aborted || loaded === null) return;
      setFound({ id, stream, loaded });
      if (loaded.kind === 'found' && loaded.event.envelope.state === 'queued') timer = setTimeout(ask, AGAIN_MS);
    };
    ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [id, stream, attempt]);
  const isOurs = found.id === id && found.stream === stream;
  return { loaded: isOurs ? found.loaded : { kind: 'loading' }, retry: () => setAttempt((n) => n + 1) };
}

/**
 * @param {string} id
 * @param {string | null} stream
 * @param {AbortSignal} signal
 * @returns {Promise<Loaded | null>} null when nobody waits for it any more
 */
async function read(id, stream, signal) {
  try {
    if (!isAddressable(id)) throw new ApiError(0, '', 'Browsers cannot ask for an event of this id; curl --path-as-is can.');
    const query = stream === null ? '' : `?${new URLSearchParams({ stream })}`;
    return { kind: 'found', event: splitEvent(await request(`${eventPath(id)}${query}`, { signal })) };
  } catch (error) {
    if (signal.aborted) return null;
    if (error instanceof ApiError && error.status === 404) return { kind: 'missing' };
    if (error instanceof ApiError && error.streams.length > 0) return { kind: 'several', streams: error.streams };
    return { kind: 'failed', facts: failureOf('This event could not be read.', error) };
  }
}
