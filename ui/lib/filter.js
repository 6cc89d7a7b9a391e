// The filter's grammar: `category:"page interaction" name:cta* valid:false session:… stream:… app:… checkout`.
// Pure.
//
// Words without a field are searched for, together as one text: the term `q`.
//
// One list of terms has three spellings: what a person types, the page's own query string, and the
// query of GET /live. The last two are the same on purpose: what stands behind `?` in the address bar
// can be pasted behind `/live?`. Fields are joined by "and", the values of one
// field by "or", a trailing `*` matches a beginning.

/** @typedef {{ field: string, value: string }} Term `field` is the API's name of it */

/** What may be typed, and the API's name for it. The first name of a field is the one we write. */
const NAMES = new Map([
  ['stream', 'stream'],
  ['app', 'application'],
  ['application', 'application'],
  ['category', 'category'],
  ['name', 'name'],
  ['session', 'session_id'],
  ['session_id', 'session_id'],
  ['valid', 'valid'],
  ['q', 'q'],
]);
/** Of what is searched for. */
const SEARCH_CHARS_MAX = 128;
/** Of these an event has one, so a second one replaces the first. */
const SINGLE = ['valid', 'q'];

/** @param {string} field @returns {string} */
export function shortName(field) {
  for (const [name, api] of NAMES) if (api === field) return name;
  return field;
}

/** One typed word: an optional `key:`, then a quoted text or anything up to the next space. */
const WORD = /(?:([A-Za-z_]+):)?(?:"((?:[^"\\]|\\.)*)("?)|(\S*))/gu;

/**
 * Reads what a person typed.
 * @param {string} text
 * @returns {{ terms: Term[], problems: string[] }} what was understood, and a sentence for each rest
 */
export function parse(text) {
  /** @type {Term[]} */
  const terms = [];
  /** @type {string[]} */
  const problems = [];
  /** @type {string[]} */
  const words = [];
  for (const [word, key, quoted, closing, bare] of text.matchAll(WORD)) {
    if (word === '') continue; // between two words
    const value = quoted === undefined ? (bare ?? '') : quoted.replace(/\\(.)/gsu, '$1');
    const term = { field: (key === undefined ? 'q' : NAMES.get(key.toLowerCase())) ?? '', value };
    const problem = closing === '' ? `The quote in ${word} is not closed.` : check(key ?? '', term);
    if (problem !== null) problems.push(problem);
    else if (term.field === 'q') words.push(value);
    else if (!terms.some((other) => equal(other, term))) terms.push(term);
  }
  const search = { field: 'q', value: words.join(' ') };
  const problem = words.length > 0 ? check('', search) : null;
  if (problem !== null) problems.push(problem);
  else if (words.length > 0) terms.push(search);
  return { terms, problems };
}

/**
 * @param {string} key
 * @param {Term} term
 * @returns {string | null}
 */
function check(key, { field, value }) {
  if (field === '') return `There is no field “${key}”: use stream, app, category, name, session or valid, or put the text in quotes to search for it.`;
  if (value === '') return key === '' ? 'Nothing stands between the quotes.' : `${key}: needs a value.`;
  if (field === 'valid' && value !== 'true' && value !== 'false') return 'valid: is true or false.';
  if (field === 'q' && [...value].length > SEARCH_CHARS_MAX) return `What is searched for has at most ${SEARCH_CHARS_MAX} characters.`;
  return null;
}

/** @param {Term} a @param {Term} b */
function equal(a, b) {
  return a.field === b.field && a.value === b.value;
}

/**
 * One term as a person would type it.
 * @param {Term} term
 */
export function termText({ field, value }) {
  const isSearch = field === 'q';
  const isBare = isSearch ? /^[^\s"\\:]+$/u.test(value) : /^[^\s"\\]+$/u.test(value);
  return `${isSearch ? '' : `${shortName(field)}:`}${isBare ? value : `"${value.replace(/["\\]/g, '\\$&')}"`}`;
}

/** @param {Term[]} terms */
export function toText(terms) {
  return terms.map(termText).join(' ');
}

/**
 * The query of the API and of the page.
 * @param {Term[]} terms
 * @returns {URLSearchParams}
 */
export function toQuery(terms) {
  return new URLSearchParams(terms.map(({ field, value }) => [field, value]));
}

/**
 * Reads the page's query string; names that are no field of ours, and values that none can have, are
 * left out.
 * @param {string | URLSearchParams} query
 * @returns {Term[]}
 */
export function fromQuery(query) {
  /** @type {Term[]} */
  const terms = [];
  for (const [key, value] of new URLSearchParams(query)) {
    const term = { field: NAMES.get(key) ?? '', value };
    const isKnown = terms.some((other) => equal(other, term) || (SINGLE.includes(term.field) && other.field === term.field));
    if (check(key, term) === null && !isKnown) terms.push(term);
  }
  return terms;
}

/**
 * The list with one term more.
 * @param {Term[]} terms
 * @param {Term} term
 */
export function withTerm(terms, term) {
  // Two validities would match everything, and there is one search.
  const kept = SINGLE.includes(term.field) ? terms.filter((other) => other.field !== term.field || equal(other, term)) : terms;
  return kept.some((other) => equal(other, term)) ? kept : [...kept, term];
}
