// Saves something as a file. A link cannot say which form it accepts, so the answer is fetched and
// handed over as a file; the file's name is ours and never made of data.

import { bytes } from '../lib/amount.js';
import { requestFile, words } from '../lib/api.js';
import { say } from './say.js';

/** @typedef {'eyas-event.json' | 'eyas-data.json' | 'eyas-session.ndjson' | 'eyas-session.csv' | 'eyas-events.ndjson' | 'eyas-events.csv' | 'eyas-batch-errors.ndjson' | 'eyas-query.ndjson' | 'eyas-query.csv' | 'eyas-dry-run-errors.ndjson'} FileName */

/**
 * @param {string} text
 * @param {string} type
 * @param {FileName} name
 */
export function save(text, type, name) {
  saveFile(new Blob([text], { type }), name);
}

/** @param {Blob} blob @param {FileName} name */
function saveFile(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken hold of it by then, and the memory is given back.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say(`${name} was saved, ${bytes(blob.size)}.`);
}

/**
 * @param {string} path
 * @param {'application/x-ndjson' | 'text/csv'} type
 * @param {FileName} name
 */
export async function download(path, type, name) {
  say('The export is being read…');
  try {
    saveFile(await requestFile(path, { headers: { accept: type } }), name);
  } catch (error) {
    say(`The export failed: ${words(error)}`);
  }
}
