// JSON as a tree, shown as it was written (lib/json-tree.js says how). Rows that are closed are not in
// the document, and a branch gives its children in chunks, so a large text costs what is looked at.
//
// One row has the keyboard (roving tabindex, keys of the ARIA tree pattern); what can be done with it
// stands in the line above the tree, so that it is there for fingers and keys too.

import { html, useLayoutEffect, useMemo, useRef, useState } from '../vendor/preact.js';

import { bytes } from '../lib/amount.js';
import { childrenOf, isBranch, pathTo, root, stringValue } from '../lib/json-tree.js';
import { copy } from '../frame/say.js';
import { count, Untrusted } from '../frame/text.js';

/** Branches above this depth are open at first. */
const OPEN_DEPTH = 2;
/** Children that are shown at once. */
const CHUNK = 200;
/** Characters of a string that are shown at first. */
const STRING_CHARS = 1024;

/** @typedef {import('../lib/json-tree.js').Node} Node */
/** @typedef {Map<string, { message: string, rule: string }[]>} Errors by JSON Pointer */
/**
 * @typedef {{ id: string, node: Node, depth: number, at: number, nSiblings: number, nMore: number }} Row
 *   `nMore` is above 0 in the row that stands for children which are not shown yet
 */
/** @typedef {{ text: string, pointer: string, errors: Errors, reveal: { pointer: string } | null }} Props */

/** @param {Props} props `pointer` is the root's own; a new `reveal` opens the way to a node */
export function Tree({ text, pointer, errors, reveal }) {
  const top = useMemo(() => root(text, pointer), [text, pointer]);
  /** Children of each branch that was looked at, by its place. @type {Map<number, Node[]>} */
  const known = useMemo(() => new Map(), [text, pointer]);
  const [state, setState] = useState({ opened: /** @type {Map<number, number>} */ (new Map()), active: String(top.from) });
  /** @type {{ current: HTMLElement | null }} */
  const box = useRef(null);
  const isFocusWanted = useRef(false);

  const children = (/** @type {Node} */ node) => {
    const found = known.get(node.from) ?? childrenOf(text, node);
    known.set(node.from, found);
    return found;
  };
  const rows = visibleRows(top, children, state.opened);
  const at = Math.max(0, rows.findIndex(({ id }) => id === state.active));
  const active = /** @type {Row} */ (rows[at]);

  const focus = (/** @type {Row | undefined} */ row) => {
    if (row === undefined) return;
    isFocusWanted.current = true;
    setState((old) => ({ ...old, active: row.id }));
  };
  const show = (/** @type {Node} */ node, /** @type {number} */ n) => {
    setState((old) => ({ ...old, opened: new Map(old.opened).set(node.from, n) }));
  };
  const nShown = (/** @type {Row} */ row) => shownOf(row.node, row.depth, state.opened);
  const toggle = (/** @type {Row} */ { node, depth, nMore }) => {
    const n = shownOf(node, depth, state.opened);
    if (nMore > 0) show(node, n + CHUNK);
    else show(node, n > 0 ? 0 : CHUNK);
  };

  useLayoutEffect(() => {
    if (!isFocusWanted.current) return;
    isFocusWanted.current = false;
    const row = box.current?.querySelector('[tabindex="0"]');
    if (row instanceof HTMLElement) row.focus();
  });
  useLayoutEffect(() => {
    const path = reveal === null ? null : pathTo(text, top, reveal.pointer);
    if (path === null) return;
    const opened = new Map(state.opened);
    path.slice(0, -1).forEach((node, depth) => {
      const place = children(node).findIndex(({ from }) => from === path[depth + 1]?.from);
      opened.set(node.from, Math.max(shownOf(node, depth, opened), Math.ceil((place + 1) / CHUNK) * CHUNK));
    });
    isFocusWanted.current = true;
    setState({ opened, active: String(path.at(-1)?.from) });
  }, [reveal]);

  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isOpen = isBranch(active.node) && active.nMore === 0 && nShown(active) > 0;
    /** @type {Map<string, () => void>} */
    const keys = new Map([
      ['ArrowDown', () => focus(rows[at + 1])],
      ['ArrowUp', () => focus(rows[at - 1])],
      ['Home', () => focus(rows[0])],
      ['End', () => focus(rows.at(-1))],
      ['ArrowRight', () => (isOpen ? focus((rows[at + 1]?.depth ?? 0) > active.depth ? rows[at + 1] : undefined) : isBranch(active.node) && toggle(active))],
      ['ArrowLeft', () => (isOpen ? toggle(active) : focus(rows.findLast((row, n) => n < at && row.depth < active.depth)))],
      ['Enter', () => toggle(active)],
      [' ', () => toggle(active)],
    ]);
    const action = keys.get(event.key);
    if (action === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };

  return html`
    <${Line} text=${text} node=${active.node} />
    <div class="tree" role="tree" aria-label="Data as a tree" ref=${box} onKeyDown=${onKey} data-test="tree">
      ${rows.map(
        (row) => html`<${TreeRow} key=${row.id} text=${text} row=${row} nChildren=${isBranch(row.node) ? children(row.node).length : 0}
          isOpen=${nShown(row) > 0} isActive=${row === active} errors=${row.nMore > 0 ? undefined : errors.get(row.node.pointer)}
          onClick=${() => (toggle(row), focus(row))} />`,
      )}
    </div>
  `;
}

/**
 * How many children of a branch are shown; for a string, above 0 means to its end.
 * @param {Node} node
 * @param {number} depth
 * @param {Map<number, number>} opened
 */
function shownOf(node, depth, opened) {
  return opened.get(node.from) ?? (isBranch(node) && depth < OPEN_DEPTH ? CHUNK : 0);
}

/**
 * @param {Node} top
 * @param {(node: Node) => Node[]} children
 * @param {Map<number, number>} opened
 */
function visibleRows(top, children, opened) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {Row[]} */
  const todo = [{ id: String(top.from), node: top, depth: 0, at: 0, nSiblings: 1, nMore: 0 }];
  for (let row = todo.pop(); row !== undefined; row = todo.pop()) {
    rows.push(row);
    const { node, depth, nMore } = row;
    const n = nMore > 0 || !isBranch(node) ? 0 : shownOf(node, depth, opened);
    if (n === 0) continue;
    const all = children(node);
    const more = all.slice(0, n).map((child, at) => ({ id: String(child.from), node: child, depth: depth + 1, at, nSiblings: all.length, nMore: 0 }));
    if (all.length > n) more.push({ id: `${node.from} more`, node, depth: depth + 1, at: n, nSiblings: all.length, nMore: all.length - n });
    todo.push(...more.reverse());
  }
  return rows;
}

/** The active row's place, and what can be copied of it. @param {{ text: string, node: Node }} props */
function Line({ text, node }) {
  const written = text.slice(node.from, node.to);
  return html`<div class="tree-line">
    <code class="tree-pointer" data-test="pointer"><${Untrusted} text=${node.pointer} charsMax=${300} /></code>
    <button onClick=${() => copy(node.kind === 'string' ? stringValue(written) : written, 'The value')}>Copy value</button>
    <button onClick=${() => copy(node.pointer, 'The JSON Pointer')}>Copy pointer</button>
  </div>`;
}

/**
 * @param {{ text: string, row: Row, nChildren: number, isOpen: boolean, isActive: boolean,
 *   errors: { message: string, rule: string }[] | undefined, onClick: () => void }} props
 */
function TreeRow({ text, row, nChildren, isOpen, isActive, errors, onClick }) {
  const { node, depth, at, nSiblings, nMore } = row;
  const isOpenable = nMore === 0 && isBranch(node);
  const onSelect = () => getSelection()?.isCollapsed !== false && onClick();
  return html`<div class=${`tree-row${isActive ? ' tree-active' : ''}`} role="treeitem" tabindex=${isActive ? 0 : -1}
    aria-level=${depth + 1} aria-posinset=${at + 1} aria-setsize=${nSiblings} aria-selected=${isActive ? 'true' : 'false'}
    aria-expanded=${isOpenable ? String(isOpen) : undefined} style=${{ '--depth': String(Math.min(depth, 40)) }}
    onClick=${onSelect} data-test="node">
    <span class="twisty" aria-hidden="true">${isOpenable ? (isOpen ? '▾' : '▸') : ''}</span>
    ${nMore > 0
      ? html`<span class="more">Show ${count(Math.min(CHUNK, nMore))} more of ${count(nMore)}</span>`
      : html`<span>
          <${Key} node=${node} at=${at} depth=${depth} />
          ${isBranch(node) ? html`<${Brackets} node=${node} n=${nChildren} />` : html`<${Leaf} text=${text} node=${node} isWhole=${isOpen} />`}
          ${errors?.map(({ message, rule }) => html` <span class="bad"><span aria-hidden="true">✗</span> <${Untrusted} text=${message} /> (<${Untrusted} text=${rule} />)</span>`)}
        </span>`}
  </div>`;
}

/** @param {{ node: Node, at: number, depth: number }} props */
function Key({ node: { key, isRepeated }, at, depth }) {
  if (depth === 0) return null;
  if (key === null) return html`<span class="tree-index">${at}</span>: `;
  return html`<span class="tree-key"><${Untrusted} text=${`"${key}"`} charsMax=${200} /></span>${isRepeated &&
    html` <span class="warn" title="An earlier member has the same name; both are kept."><span aria-hidden="true">⚠</span> repeated</span>`}: `;
}

/** @param {{ node: Node, n: number }} props */
function Brackets({ node: { kind }, n }) {
  const [what, sign] = kind === 'object' ? [n === 1 ? 'member' : 'members', '{ }'] : [n === 1 ? 'element' : 'elements', '[ ]'];
  return html`<span class="muted">${sign} ${count(n)} ${what}</span>`;
}

/** @param {{ text: string, node: Node, isWhole: boolean }} props */
function Leaf({ text, node: { kind, from, to }, isWhole }) {
  const nChars = to - from;
  const charsMax = kind === 'string' && !isWhole ? STRING_CHARS : Infinity;
  return html`<span class=${`tree-${kind}`}><${Untrusted} text=${text.slice(from, to)} charsMax=${charsMax} /></span>${nChars > charsMax &&
    html` <span class="more">show all ${bytes(nChars)}</span>`}`;
}
