// Files that are dropped on the page. A browser would open one in place of the console, and what was on the screen and
// on its way would be gone: so they go to what the screen takes them for, or nowhere.

import { useEffect, useRef } from '../vendor/preact.js';

/** @typedef {(files: FileList) => void} Taker */

/** What takes a file on the screen that is shown. @type {Taker | null} */
let taker = null;

/** Takes files for as long as it is shown. @param {Taker | null} take null: none for now */
export function useDropped(take) {
  const newest = useRef(take);
  newest.current = take;
  useEffect(() => {
    if (take === null) return;
    const ours = (/** @type {FileList} */ files) => newest.current?.(files);
    taker = ours;
    return () => {
      if (taker === ours) taker = null;
      mark(false);
    };
  }, [take === null]);
}

/** Styles show where a file would go. @param {boolean} isOver */
const mark = (isOver) => document.documentElement.classList.toggle('dropping', isOver);

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes('Files') ?? false;

export function listenToDrops() {
  window.addEventListener('dragover', (event) => {
    if (!hasFiles(event) || event.dataTransfer === null) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = taker === null ? 'none' : 'copy';
    mark(taker !== null);
  });
  // It left the window, not one part of the page for another.
  window.addEventListener('dragleave', (event) => event.relatedTarget === null && mark(false));
  window.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    if (event.dataTransfer !== null) taker?.(event.dataTransfer.files);
  });
}
