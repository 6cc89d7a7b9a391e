// Makes characters visible that hide or turn text: control characters, bidirectional controls, zero
// width and other ignorable ones, lone surrogates. Pure.
//
// Events come from anybody, so a name may hold U+202E to show itself backwards. Every untrusted text
// on the screen goes through here and ends as text nodes. Variation selectors 15 and 16 stay: they
// choose between two pictures of one emoji and hide nothing.

/** @typedef {{ text: string, escaped: boolean }} Segment */

const HIDDEN = /[\p{Cc}\p{Cs}\u2028\u2029\uFFF9-\uFFFB]|(?![\uFE0E\uFE0F])\p{Default_Ignorable_Code_Point}/gu;
const HIDDEN_BUT_LAYOUT = /(?![\t\n\r])[\p{Cc}\p{Cs}\u2028\u2029\uFFF9-\uFFFB]|(?![\uFE0E\uFE0F])\p{Default_Ignorable_Code_Point}/gu;

/**
 * `\u202E`, or `\u{E0041}` above the basic plane.
 * @param {string} character one code point
 */
export function escapeCharacter(character) {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  return code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
}

/**
 * Cuts a text into what is shown as it stands and what is shown as an escape.
 * @param {string} text
 * @param {{ layout?: boolean }} [options] `layout` lets tab, CR and LF through: between the tokens of
 *   JSON they are white space
 * @returns {Segment[]}
 */
export function segments(text, { layout = false } = {}) {
  const pattern = layout ? HIDDEN_BUT_LAYOUT : HIDDEN;
  /** @type {Segment[]} */
  const found = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > from) found.push({ text: text.slice(from, match.index), escaped: false });
    found.push({ text: escapeCharacter(match[0]), escaped: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ text: text.slice(from), escaped: false });
  return found;
}

/**
 * The same as one text, for titles and labels, which cannot hold markup.
 * @param {string} text
 */
export function plain(text) {
  return text.replace(HIDDEN, escapeCharacter);
}

/**
 * The first `charsMax` characters, without cutting a surrogate pair in two.
 * @param {string} text
 * @param {number} charsMax
 */
export function cut(text, charsMax) {
  if (text.length <= charsMax) return text;
  const last = text.charCodeAt(charsMax - 1);
  const isHighSurrogate = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isHighSurrogate ? charsMax - 1 : charsMax);
}
