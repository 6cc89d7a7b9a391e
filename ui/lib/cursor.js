// Positions in the log, as the server writes them: `<log id, 8 hex>.<seq>`. Pure.
//
// To other clients a cursor is opaque. The console is served by the same binary that writes it, and
// reads two things out of it: whether a position is newer than another, and how far it is behind.

/**
 * @param {string} cursor
 * @returns {{ log: string, seq: number }}
 */
export function position(cursor) {
  const dot = cursor.lastIndexOf('.');
  const seq = Number(cursor.slice(dot + 1));
  return { log: cursor.slice(0, Math.max(dot, 0)), seq: Number.isFinite(seq) ? seq : 0 };
}

/**
 * Whether `a` lies behind `b` in the same log. Positions of two logs have no order.
 * @param {string} a
 * @param {string} b
 */
export function isAfter(a, b) {
  const [left, right] = [position(a), position(b)];
  return left.log === right.log && left.seq > right.seq;
}

/**
 * How many positions lie between the two; 0 when they are of two logs.
 * @param {string} head
 * @param {string | null} from null means the beginning
 */
export function distance(head, from) {
  const to = position(head);
  if (from === null || from === 'beginning') return to.seq;
  const at = position(from);
  return at.log === to.log ? Math.max(0, to.seq - at.seq) : to.seq;
}
