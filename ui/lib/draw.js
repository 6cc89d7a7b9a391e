// Decides when the screen is drawn: at most ten times a second, inside requestAnimationFrame, never
// while the tab is hidden, and not while a finger or a mouse button is down on a row (else the row
// would move away between press and release).
//
// Data only says `invalidate()`. What people do themselves is drawn in the next frame by `drawSoon()`. A drawing that must
// not lag behind another one is drawn in the same frame by `drawNow()`.

/**
 * @param {() => void} draw
 * @param {() => number} intervalMs how long one drawing stands at least
 */
export function createDrawing(draw, intervalMs) {
  let isDirty = false;
  let isHeld = false;
  let isDue = false;
  let lastMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let frame = 0;

  const drawNow = () => {
    if (isHeld || document.hidden || !isDirty) return;
    isDirty = false;
    lastMs = performance.now();
    draw();
  };
  const atFrame = () => {
    frame = 0;
    drawNow();
  };
  const request = () => {
    isDue = false;
    timer = undefined;
    if (frame === 0 && !document.hidden) frame = requestAnimationFrame(atFrame);
  };
  const invalidate = () => {
    isDirty = true;
    if (isDue || isHeld || document.hidden || frame !== 0) return;
    isDue = true;
    timer = setTimeout(request, Math.max(0, intervalMs() - (performance.now() - lastMs)));
  };
  const drawSoon = () => {
    isDirty = true;
    clearTimeout(timer);
    request();
  };
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && isDirty) drawSoon();
  });

  return {
    invalidate,
    drawSoon,
    drawNow,
    /** @param {boolean} held */
    hold(held) {
      isHeld = held;
      if (!held && isDirty) invalidate();
    },
  };
}
