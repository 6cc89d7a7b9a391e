// The list: only the rows in sight are in the document, and their elements are used again.
//
// A row's key is its arrival number modulo POOL. So an event keeps its element as long as it is in
// sight (focus and selection stay with it), and an element is taken over only when its event has left:
//
//   arrival   …  997 998 999 1000 1001 …        a new row 1002 takes over the element of 1002 - POOL,
//   element   …  229 230 231  232  233 …        which left the window long ago
//
// Invariant: never more than WINDOW_MAX rows in the document, and WINDOW_MAX <= POOL. While the list
// moves, the scroller itself holds the keyboard's focus; rows are focused only while it is paused, so
// that incoming data can never move the focus.

import { html, useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact.js';

import { copyJson } from '../event/facts.js';
import { withTerm } from '../lib/filter.js';
import { active, commitFilter, drawing, frame, grown, indexOf, model, moveActive, nowMs, open, openRow, pause, terms, togglePause, toTop } from './live.js';
import { actOf, ListRow } from './row.js';

const POOL = 256;
const WINDOW_MAX = 200;
/** Rows drawn beyond each edge. */
const MARGIN = 6;
/** Scrolling less than this is a trembling finger. */
const SCROLL_PX_MIN = 8;

export const COLUMNS = ['Time', 'State', 'Stream', 'Category / name', 'Session', 'Data'];

/** @typedef {{ current: HTMLElement | null }} Ref */

export function List() {
  void frame.value;
  /** @type {Ref} */
  const scroller = useRef(null);
  const { rowPx, viewPx, probe } = useSizes(scroller);
  const [scrollPx, setScrollPx] = useState(0);
  useFocus(scroller, rowPx);
  usePauseOnSelection(scroller);
  useEffect(() => scroller.current?.scrollTo({ top: 0 }), [toTop.value]);
  useLayoutEffect(() => {
    // The row that was read stays where it is; if it is gone, the oldest that follows it is in sight.
    const view = scroller.current;
    if (view !== null && grown.value.rows > 0) view.scrollTop = Math.min(view.scrollTop + grown.value.rows * rowPx, view.scrollHeight);
  }, [grown.value]);

  const first = Math.max(0, Math.floor(scrollPx / rowPx) - MARGIN);
  const wanted = Math.min(WINDOW_MAX, Math.ceil(viewPx / rowPx) + 2 * MARGIN);
  const last = Math.min(model.nShown, first + wanted);
  const now = nowMs();
  const rows = [];
  let isActiveInSight = false;
  for (let index = first; index < last; index += 1) {
    const row = model.row(index);
    if (row === undefined) break;
    const isActive = model.isPaused && row.n === active.value.n;
    isActiveInSight ||= isActive;
    rows.push(html`<${ListRow}
      key=${row.n % POOL} row=${row} index=${index} now=${now} state=${model.stateOf(row)}
      isActive=${isActive} isOpen=${openRow.value?.n === row.n}
    />`);
  }

  /** @param {Event} event */
  const onScroll = ({ currentTarget }) => {
    const px = /** @type {HTMLElement} */ (currentTarget).scrollTop;
    if (px > SCROLL_PX_MIN && !model.isPaused) pause('scroll');
    setScrollPx(px);
  };

  return html`
    <div class="list" role="grid" aria-label="Events, newest first" aria-live="off"
      aria-rowcount=${model.nShown + 1} aria-colcount=${COLUMNS.length + 1} data-test="list">
      <div class="list-head" role="rowgroup">
        <div class="row row-head" role="row" aria-rowindex="1">
          ${COLUMNS.map((name) => html`<span role="columnheader" class="cell">${name}</span>`)}
        </div>
      </div>
      <div class="scroller" role="rowgroup" ref=${scroller} tabindex=${isActiveInSight ? -1 : 0} data-test="scroller"
        onScroll=${onScroll} onKeyDown=${onKey} ...${POINTER}>
        <div class="row-probe" aria-hidden="true" ref=${probe}></div>
        <div class="spacer" role="presentation" style=${{ height: `${model.nShown * rowPx}px` }}>
          <div class="window" role="presentation" style=${{ transform: `translateY(${first * rowPx}px)` }}>${rows}</div>
        </div>
      </div>
    </div>
  `;
}

/** A pressed row must not move away before it is released. */
const POINTER = {
  /** @param {PointerEvent} event */
  onPointerDown: (event) => event.isPrimary && drawing.hold(true),
  onPointerUp: () => setTimeout(() => drawing.hold(false)),
  onPointerCancel: () => drawing.hold(false),
  onPointerLeave: () => drawing.hold(false),
  /** @param {MouseEvent} event */
  onClick: (event) => {
    const row = rowOf(event.target);
    if (row === undefined) return;
    const act = actOf(event.target, row);
    if (act === 'copy') copyJson(row);
    else if (act !== null) commitFilter(withTerm(terms.value, act));
    else if (getSelection()?.isCollapsed !== false) open(row);
  },
};

/** @param {EventTarget | null} target */
function rowOf(target) {
  const element = target instanceof Element ? target.closest('[data-n]') : null;
  const n = element instanceof HTMLElement ? Number(element.dataset.n) : NaN;
  return Number.isNaN(n) ? undefined : model.row(indexOf(n));
}

/** @type {Map<string, (event: KeyboardEvent) => void>} */
const KEYS = new Map([
  [' ', () => togglePause('key')],
  ['ArrowDown', () => moveActive(1)],
  ['ArrowUp', () => moveActive(-1)],
  ['PageDown', () => moveActive(20)],
  ['PageUp', () => moveActive(-20)],
  ['Home', () => moveActive(-model.nShown)],
  ['End', () => moveActive(model.nShown)],
  [
    'Enter',
    () => {
      const { n } = active.value;
      const row = n === null ? undefined : model.row(indexOf(n));
      if (row !== undefined) open(row);
    },
  ],
]);

/** @param {KeyboardEvent} event */
function onKey(event) {
  // A button on the row has keys of its own.
  if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLButtonElement) return;
  const action = KEYS.get(event.key);
  if (action === undefined) return;
  event.preventDefault();
  action(event);
}

/**
 * Height of a row and of the view, measured, because both change with the width and with the text size.
 * @param {Ref} scroller
 */
function useSizes(scroller) {
  /** @type {Ref} */
  const probe = useRef(null);
  const [sizes, setSizes] = useState({ rowPx: 34, viewPx: 800 });
  useLayoutEffect(() => {
    const measure = () => {
      const rowPx = probe.current?.offsetHeight || 34;
      const viewPx = scroller.current?.clientHeight ?? 800;
      setSizes((old) => (old.rowPx === rowPx && old.viewPx === viewPx ? old : { rowPx, viewPx }));
    };
    const observer = new ResizeObserver(measure);
    for (const { current } of [scroller, probe]) if (current !== null) observer.observe(current);
    measure();
    return () => observer.disconnect();
  }, []);
  return { ...sizes, probe };
}

/**
 * Brings the keyboard's row into sight and gives it the focus, when a person has moved it.
 * @param {Ref} scroller
 * @param {number} rowPx
 */
function useFocus(scroller, rowPx) {
  const { n, focus } = active.value;
  useLayoutEffect(() => {
    const view = scroller.current;
    if (view === null || !focus || n === null) return;
    const topPx = indexOf(n) * rowPx;
    if (topPx < view.scrollTop) view.scrollTop = topPx;
    else if (topPx + rowPx > view.scrollTop + view.clientHeight) view.scrollTop = topPx + rowPx - view.clientHeight;
  }, [n, focus]);
  // After each drawing, because a row far away is in the document only after the scrolling was drawn.
  useLayoutEffect(() => {
    if (!active.value.focus || n === null) return;
    const element = scroller.current?.querySelector(`[data-n="${n}"]`);
    if (!(element instanceof HTMLElement)) return;
    element.focus({ preventScroll: true });
    active.value = { n, focus: false };
  });
}

/**
 * Selected text would be torn away by the next row.
 * @param {Ref} scroller
 */
function usePauseOnSelection(scroller) {
  useEffect(() => {
    const onSelection = () => {
      const selection = getSelection();
      const isOurs = scroller.current?.contains(selection?.anchorNode ?? null) ?? false;
      if (isOurs && selection?.isCollapsed === false && !model.isPaused) pause('selection');
    };
    document.addEventListener('selectionchange', onSelection);
    return () => document.removeEventListener('selectionchange', onSelection);
  }, []);
}
