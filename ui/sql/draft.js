// The statement that a person is writing, kept for this tab: a reload, or a look at another screen, does not cost it.
// Where there is no storage, it lasts until the screen is left; signing out ends it.

const KEY = 'eyas.sql';

/** The statement that an address names. @param {URLSearchParams} query */
export const named = (query) => query.get('sql') ?? '';

/** What is in the box when the screen is opened: the draft, unless the address names another statement. @param {URLSearchParams} query @returns {string} */
export function opened(query) {
  const of = named(query);
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    if (typeof kept?.text === 'string' && (of === '' || kept.of === of)) return kept.text;
  } catch {
    // Storage is forbidden here, or holds what is not ours.
  }
  return of;
}

/** @param {string} text @param {URLSearchParams} query of the address that it was written at */
export function keep(text, query) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ of: named(query), text }));
  } catch {
    // As above.
  }
}
