// Which screen an address names, and the address of each screen. Pure.
//
//   /ui/                  Live; the query holds the filter and, as `event`, the open event
//   /ui/events            Events; the query holds filter, range, page and, as `event`, the open event
//   /ui/events/<id>       one event; `stream` says which one when several have the id
//   /ui/sessions/<id>     one session
//   /ui/health            Health
//   /ui/dead              dead letters; the query holds state, group and page
//   /ui/dead/<seq>        one dead letter
//   /ui/schemas           schemas; with `stream` in the query, the one of that key
//   /ui/apps              applications
//   /ui/apps/<name>       one application and its tokens
//   /ui/batches           batches; the query holds table, state and page
//   /ui/batches/<id>      one batch
//   /ui/sql               published queries, and SQL of one's own
//   /ui/sql/<name>        one query; its query holds the values of the parameters
//
// Ids are any text, so they are percent-encoded. Invariant: parseRoute reads back what the functions
// below write. Browsers take "." and ".." out of a path even when they are encoded, so events with
// such an id open on Live, and no address leads to a session of that name.

/** @typedef {'live' | 'events' | 'event' | 'session' | 'health' | 'dead' | 'schemas' | 'apps' | 'batches' | 'sql' | 'missing'} Screen */
/** @typedef {{ screen: Screen, id: string, query: URLSearchParams }} Route */

/**
 * @param {string} path
 * @param {string} search
 * @returns {Route}
 */
export function parseRoute(path, search) {
  const query = new URLSearchParams(search);
  const [, place = '', rest = ''] = /^\/ui\/?([^/]*)(?:\/(.*))?$/s.exec(path) ?? [];
  const id = decoded(rest.replace(/\/$/, ''));
  if (place === '' || place === 'index.html') return { screen: 'live', id: '', query };
  if (place === 'health' && id === '') return { screen: 'health', id, query };
  if (place === 'events') return { screen: id === '' ? 'events' : 'event', id, query };
  if (place === 'sessions' && id !== '') return { screen: 'session', id, query };
  if (place === 'dead' || place === 'apps' || place === 'batches' || place === 'sql') return { screen: place, id, query };
  if (place === 'schemas' && id === '') return { screen: 'schemas', id, query };
  return { screen: 'missing', id: '', query };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a browser can ask for a path that ends with this text. @param {string} id */
export function isAddressable(id) {
  return id !== '' && id !== '.' && id !== '..';
}

/** A text as a part of a path; half a surrogate pair has no UTF-8. @param {string} id */
export function pathPart(id) {
  return encodeURIComponent(id.toWellFormed());
}

/** Where the API has one event. Three ids are names of other things there, unless a letter is encoded. @param {string} id */
export function eventPath(id) {
  const part = pathPart(id);
  return `/events/${/^(facets|histogram|count)$/.test(part) ? `%${part.charCodeAt(0).toString(16)}${part.slice(1)}` : part}`;
}

/**
 * @param {string} id
 * @param {string | null} [stream]
 */
export function eventHref(id, stream = null) {
  if (!isAddressable(id)) return `/ui/?${new URLSearchParams({ event: id })}`;
  return `/ui/events/${pathPart(id)}${stream === null ? '' : `?${new URLSearchParams({ stream })}`}`;
}

/** @param {string} id */
export function sessionHref(id) {
  return `/ui/sessions/${pathPart(id)}`;
}

/** Live with a filter. @param {URLSearchParams} query */
export function liveHref(query) {
  return query.size === 0 ? '/ui/' : `/ui/?${query}`;
}

/** Events with filter, range and page. @param {URLSearchParams} query */
export function eventsHref(query) {
  return query.size === 0 ? '/ui/events' : `/ui/events?${query}`;
}

/** @param {string} text */
export function isUuid(text) {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** One application. @param {string} name */
export function appHref(name) {
  return `/ui/apps/${pathPart(name)}`;
}

/** @typedef {{ stream: string, category: string | null, name: string | null }} Key what a schema belongs to */

/** A key as parameters; what is null is left out. @param {Key} key */
export function keyQuery({ stream, category, name }) {
  const query = new URLSearchParams({ stream });
  if (category !== null) query.set('category', category);
  if (name !== null) query.set('name', name);
  return query;
}

/** The schema of a key. @param {Key} key */
export function schemaHref(key) {
  return `/ui/schemas?${keyQuery(key)}`;
}

/** One batch. @param {string} id */
export function batchHref(id) {
  return `/ui/batches/${pathPart(id)}`;
}
