// A bounded buffer of the newest things: bounded in number and in size.
//
// Pure. What does not fit any more leaves at the old end and is counted, so that the counters on the
// screen stay honest. Invariant: length <= itemsMax, and sizeTotal <= sizeMax unless one item alone
// is larger.

/** @template T */
export class Ring {
  /**
   * @param {number} itemsMax most items kept
   * @param {number} sizeMax most size kept, in the unit that `push` is told
   */
  constructor(itemsMax, sizeMax) {
    this.itemsMax = itemsMax;
    this.sizeMax = sizeMax;
    /** @type {(T | undefined)[]} */
    this.items = new Array(itemsMax);
    /** @type {number[]} */
    this.sizes = new Array(itemsMax).fill(0);
    this.next = 0;
    this.length = 0;
    this.sizeTotal = 0;
    /** How many items were pushed out since the last `clear`. */
    this.nPushedOut = 0;
  }

  /**
   * Takes one more item as the newest.
   * @param {T} item
   * @param {number} size
   */
  push(item, size) {
    while (this.length > 0 && (this.length === this.itemsMax || this.sizeTotal + size > this.sizeMax)) {
      this.#dropOldest();
    }
    this.items[this.next] = item;
    this.sizes[this.next] = size;
    this.sizeTotal += size;
    this.next = (this.next + 1) % this.itemsMax;
    this.length += 1;
  }

  #dropOldest() {
    const oldest = (this.next - this.length + this.itemsMax) % this.itemsMax;
    this.items[oldest] = undefined;
    this.sizeTotal -= this.sizes[oldest] ?? 0;
    this.length -= 1;
    this.nPushedOut += 1;
  }

  /**
   * The item at a place counted from the newest, which is 0.
   * @param {number} index
   * @returns {T | undefined}
   */
  at(index) {
    if (index < 0 || index >= this.length) return undefined;
    return this.items[(this.next - 1 - index + this.itemsMax) % this.itemsMax];
  }

  /**
   * All items, newest first.
   * @returns {T[]}
   */
  toArray() {
    /** @type {T[]} */
    const all = [];
    for (let index = 0; index < this.length; index += 1) {
      const item = this.at(index);
      if (item !== undefined) all.push(item);
    }
    return all;
  }

  /** Forgets everything, counters too. */
  clear() {
    this.items.fill(undefined);
    this.next = 0;
    this.length = 0;
    this.sizeTotal = 0;
    this.nPushedOut = 0;
  }
}
