// Asks the server for the same JSON again and again while the page is looked at. A failure is told, and
// what was known before stays on the screen.

import { useEffect, useState } from '../vendor/preact.js';

import { request } from '../lib/api.js';
import { isOut, session } from '../frame/auth.js';
import { failureOf } from '../frame/failure.js';

/** @typedef {import('../frame/failure.js').FailureFacts} FailureFacts */

/**
 * @template T
 * @typedef {{ value: T | null, failure: FailureFacts | null, failedSinceMs: number | null, again: () => void }} Polled
 */

/**
 * @template T
 * @param {string} path
 * @param {number} everyMs
 * @param {string} what said when it fails, a whole sentence
 * @returns {Polled<T>}
 */
export function usePolled(path, everyMs, what) {
  const [attempt, setAttempt] = useState(0);
  // Nobody is answered while signed out, and the first answer afterwards is not waited for.
  const isHeld = isOut(session.value);
  const [known, setKnown] = useState({
    value: /** @type {T | null} */ (null),
    failure: /** @type {FailureFacts | null} */ (null),
    failedSinceMs: /** @type {number | null} */ (null),
  });
  useEffect(() => {
    const stop = new AbortController();
    let isAsking = false;
    let timer = 0;
    const ask = async () => {
      clearTimeout(timer);
      if (isAsking || document.hidden || isHeld || stop.signal.aborted) return;
      isAsking = true;
      try {
        const value = JSON.parse(await request(path, { signal: stop.signal }));
        setKnown({ value, failure: null, failedSinceMs: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        setKnown((old) => ({ value: old.value, failure: failureOf(what, error), failedSinceMs: old.failedSinceMs ?? Date.now() }));
      }
      isAsking = false;
      timer = Number(setTimeout(ask, everyMs));
    };
    ask();
    document.addEventListener('visibilitychange', ask);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', ask);
    };
  }, [path, everyMs, attempt, isHeld]);
  return { ...known, again: () => setAttempt((n) => n + 1) };
}
