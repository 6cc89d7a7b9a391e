// Finds where the values of a JSON text stand, without reading them. Pure.
//
// `JSON.parse` corrupts what it shows: 12345678901234567890 becomes ...567000, 1.0 becomes 1, keys
// move and duplicates vanish. So `data` is never parsed. Its text is cut out of the message by
// offsets and shown as written; only the envelope around it is parsed.
//
// The server writes the messages, so a text that is no JSON is a fault of the transport and throws.
// Invariant: in an event's object `data` is the last member (the server promises it).

/** @typedef {'queued' | 'stored' | 'invalid' | 'dead'} State */
/**
 * @typedef {object} Envelope an event without its data
 * @property {string} id
 * @property {number} seq
 * @property {string} cursor
 * @property {string} stream
 * @property {string | null} application
 * @property {string | null} session_id
 * @property {string | null} category
 * @property {string | null} name
 * @property {string | null} timestamp
 * @property {string} received_at
 * @property {boolean} valid
 * @property {number | null} [schema_version] of the schema that judged it
 * @property {State} [state] only where one event was asked for
 * @property {{ pointer?: string, rule?: string, message?: string }[]} errors
 */

/** @typedef {{ envelope: Envelope, text: string, dataFrom: number, dataTo: number }} RawEvent */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** @param {number} at */
function fault(at) {
  return new SyntaxError(`no JSON at character ${at}`);
}

/**
 * @param {string} text
 * @param {number} at
 */
function skipSpace(text, at) {
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at += 1;
  return at;
}

/**
 * @param {string} text
 * @param {number} at where the opening quote stands
 * @returns {number} behind the closing quote
 */
function skipString(text, at) {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
  throw fault(text.length);
}

/**
 * The end of the value that begins at `at`. Brackets are counted, not recursed into, so depth costs
 * no stack.
 * @param {string} text
 * @param {number} at
 * @returns {number}
 */
export function skipValue(text, at) {
  let depth = 0;
  do {
    at = skipSpace(text, at);
    if (at >= text.length) throw fault(at);
    const sign = text.charAt(at);
    if (sign === '"') at = skipString(text, at);
    else if (sign === '{' || sign === '[') (depth += 1), (at += 1);
    else if (sign === '}' || sign === ']') (depth -= 1), (at += 1);
    else if (depth > 0 && (sign === ',' || sign === ':')) at += 1;
    else at = skipScalar(text, at);
    if (depth < 0) throw fault(at);
  } while (depth > 0);
  return at;
}

/**
 * @param {string} text
 * @param {number} at
 */
function skipScalar(text, at) {
  const from = at;
  while (at < text.length && /[-+.0-9A-Za-z]/.test(text.charAt(at))) at += 1;
  if (at === from) throw fault(at);
  return at;
}

/**
 * The members of the object that begins at `at`, one after the other, keys as written.
 * @param {string} text
 * @param {number} [at]
 * @returns {Generator<{ key: string, keyFrom: number, from: number }, void, void>} `from` is where
 *   the value begins; its end is looked for only when the next member is asked for
 */
export function* members(text, at = 0) {
  at = skipSpace(text, at);
  if (text.charAt(at) !== '{') throw fault(at);
  at = skipSpace(text, at + 1);
  if (text.charAt(at) === '}') return;
  for (;;) {
    if (text.charCodeAt(at) !== QUOTE) throw fault(at);
    const keyFrom = at;
    const keyTo = skipString(text, at);
    const colon = skipSpace(text, keyTo);
    if (text.charAt(colon) !== ':') throw fault(colon);
    const from = skipSpace(text, colon + 1);
    yield { key: text.slice(keyFrom + 1, keyTo - 1), keyFrom, from };
    at = skipSpace(text, skipValue(text, from));
    if (text.charAt(at) === '}') return;
    if (text.charAt(at) !== ',') throw fault(at);
    at = skipSpace(text, at + 1);
  }
}

/**
 * The elements of the array that begins at `at`, one after the other.
 * @param {string} text
 * @param {number} at
 * @returns {Generator<{ from: number, to: number }, void, void>}
 */
export function* items(text, at) {
  if (text.charAt(at) !== '[') throw fault(at);
  at = skipSpace(text, at + 1);
  if (text.charAt(at) === ']') return;
  for (;;) {
    const to = skipValue(text, at);
    yield { from: at, to };
    at = skipSpace(text, to);
    if (text.charAt(at) === ']') return;
    if (text.charAt(at) !== ',') throw fault(at);
    at = skipSpace(text, at + 1);
  }
}

/**
 * The texts of the elements of the array that begins at `at`.
 * @param {string} text
 * @param {number} at
 * @returns {string[]}
 */
export function elements(text, at) {
  return [...items(text, at)].map(({ from, to }) => text.slice(from, to));
}

/**
 * Splits an event's object into its envelope and the place of its data. Where a list was asked for
 * previews, the preview stands in its place.
 * @param {string} text `{…,"data":<any JSON>}` or `{…,"preview":"…","data_bytes":n}`
 * @returns {RawEvent}
 */
export function splitEvent(text) {
  for (const { key, keyFrom, from } of members(text)) {
    if (key !== 'data') continue;
    const comma = text.lastIndexOf(',', keyFrom);
    const envelope = JSON.parse(`${text.slice(0, comma)}}`);
    const end = text.lastIndexOf('}');
    return { envelope, text, dataFrom: from, dataTo: from + text.slice(from, end).trimEnd().length };
  }
  const { preview, ...envelope } = JSON.parse(text);
  if (typeof preview === 'string') return { envelope, text: preview, dataFrom: 0, dataTo: preview.length };
  throw fault(text.length);
}

/**
 * The text of `data` as written, or its beginning.
 * @param {RawEvent} event
 * @param {number} [charsMax]
 */
export function dataText(event, charsMax = Infinity) {
  return event.text.slice(event.dataFrom, Math.min(event.dataTo, event.dataFrom + charsMax));
}

/**
 * The event's object as JSON, data as written, without the mark of a live message.
 * @param {RawEvent} event
 */
export function eventText(event) {
  return event.text.replace(/^\{"type":"event",/, '{');
}

/** @typedef {{ first: string, last: string, matched: number, sent: number, events: RawEvent[] }} Frame */

/**
 * Reads a live frame `{"type":"events",…,"items":[…]}`; the server promises that `items` is its last member.
 * @param {string} text
 * @returns {Frame}
 */
export function splitFrame(text) {
  for (const { key, keyFrom, from } of members(text)) {
    if (key !== 'items') continue;
    const { first, last, matched, sent } = JSON.parse(`${text.slice(0, text.lastIndexOf(',', keyFrom))}}`);
    return { first, last, matched, sent, events: elements(text, from).map(splitEvent) };
  }
  throw fault(text.length);
}

/**
 * Reads a page `{"events":[…],"next":…}`.
 * @param {string} text
 * @returns {{ events: RawEvent[], next: string | null }}
 */
export function splitPage(text) {
  /** @type {RawEvent[]} */
  let events = [];
  /** @type {string | null} */
  let next = null;
  for (const { key, from } of members(text)) {
    if (key === 'events') events = elements(text, from).map(splitEvent);
    if (key === 'next') next = JSON.parse(text.slice(from, skipValue(text, from)));
  }
  return { events, next };
}
