// A colour for a text, so that one session or category is found again at a glance. Pure.

/** A place on the colour wheel, hashed from the text. @param {string} text */
export function hue(text) {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) hash = (hash * 31 + text.charCodeAt(at)) | 0;
  return String(Math.abs(hash) % 360);
}
