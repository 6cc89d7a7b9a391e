// An event as the command that sends it. Pure.
//
// The body is the text of `data` as it was written, in single quotes, so that the shell changes
// nothing either. The id goes with it: sent to the same server again, it is stored once.

import { dataText } from './raw-json.js';

/** @typedef {import('./raw-json.js').RawEvent} RawEvent */

/** In double quotes, so that the shell puts the token in. */
const AUTHORIZATION = '-H "Authorization: Bearer $TOKEN" \\\n  ';

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * @param {RawEvent} event
 * @param {string} origin `http://host:port`
 * @param {boolean} [needsToken] the token itself is never written, only where it goes
 */
export function curl(event, origin, needsToken = false) {
  const { stream } = event.envelope;
  const [path, body] = stream === 'events' ? ['/events', envelopeText(event)] : [`/streams/${stream}`, dataText(event)];
  // An array would be many events, a line of NDJSON is always one.
  const type = body.startsWith('[') ? 'application/x-ndjson' : 'application/json';
  const line = type === 'application/json' ? body : body.replace(/[\r\n]+/g, ' ');
  return `curl -X POST ${quoted(origin + path)} \\\n  ${needsToken ? AUTHORIZATION : ''}-H 'Content-Type: ${type}' \\\n  --data-binary ${quoted(line)}`;
}

/** What a client sends: the fields that it may set. @param {RawEvent} event */
function envelopeText(event) {
  const { id, session_id: session, category, name, timestamp } = event.envelope;
  const fields = [['id', id], ['session_id', session], ['category', category], ['name', name], ['timestamp', timestamp]]
    .filter(([, value]) => value !== null)
    .map(([field, value]) => `"${field}":${JSON.stringify(value)}`);
  return `{${fields.join(',')},"data":${dataText(event)}}`;
}

/**
 * What was asked on a screen, as the command that asks it.
 * @param {string} origin
 * @param {string} path with its query
 * @param {boolean} [needsToken]
 */
export function getCurl(origin, path, needsToken = false) {
  return `curl ${needsToken ? AUTHORIZATION : ''}${quoted(origin + path)}`;
}
