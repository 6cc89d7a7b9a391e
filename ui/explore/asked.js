// A question to the server whose answer stands on the screen until the next one is there. Each part of
// the screen asks its own, so each fails alone.

import { useEffect, useState } from '../vendor/preact.js';

import { failureOf } from '../frame/failure.js';

/** @typedef {import('../frame/failure.js').FailureFacts} FailureFacts */

/**
 * @template T
 * @param {string | null} key of the question; null asks nothing
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {string} what said when it fails, a whole sentence
 * @returns {{ answer: T | null, failure: FailureFacts | null, isAsking: boolean, again: () => void }}
 */
export function useAsked(key, ask, what) {
  const [attempt, setAttempt] = useState(0);
  const [known, setKnown] = useState({ answer: /** @type {T | null} */ (null), failure: /** @type {FailureFacts | null} */ (null), isAsking: true });
  useEffect(() => {
    if (key === null) return setKnown({ answer: null, failure: null, isAsking: false });
    const stop = new AbortController();
    setKnown((old) => ({ ...old, isAsking: true }));
    ask(stop.signal).then(
      (answer) => stop.signal.aborted || setKnown({ answer, failure: null, isAsking: false }),
      (error) => stop.signal.aborted || setKnown((old) => ({ answer: old.answer, failure: failureOf(what, error), isAsking: false })),
    );
    return () => stop.abort();
  }, [key, attempt]);
  return { ...known, again: () => setAttempt((n) => n + 1) };
}
