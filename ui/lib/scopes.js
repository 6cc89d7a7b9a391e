// The scopes of a token as the server writes them: `write`, or `write:orders` for one stream. Pure.

/**
 * @param {string[]} scopes `write`, `read`, `admin`
 * @param {string} streams names with spaces or commas between; none means all
 * @returns {string[]}
 */
export function scopesOf(scopes, streams) {
  const names = [...new Set(streams.split(/[\s,]+/).filter((name) => name !== ''))];
  return scopes.flatMap((scope) => (scope === 'admin' || names.length === 0 ? [scope] : names.map((name) => `${scope}:${name}`)));
}
