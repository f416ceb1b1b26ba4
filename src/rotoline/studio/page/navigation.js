/** Which frame is shown. */

import { change, count, isReadOnly, state, watch } from "./state.js";
import { looked } from "./api.js";

/** A frame at which somebody stays this long has been looked at. */
const LOOK_SECONDS = 1;
/** @type {Set<number>} */
const lookedAt = new Set();

/** @type {() => void} */
let onLook = () => {};

/** @param {number} frame */
export function goTo(frame) {
  const last = Math.max(0, count() - 1);
  change({ frame: Math.min(last, Math.max(0, Math.round(frame))) });
}

/**
 * Moves by some frames and pauses.
 * @param {number} frames
 */
export function step(frames) {
  change({ speed: 0 });
  goTo(state.frame + frames);
}

/** Frames with marks, in order. */
export function markedFrames() {
  const { project } = state;
  if (!project) return [];
  const frames = Object.values(project.marks).flatMap((marks) => marks.map((mark) => mark.frame));
  return [...new Set(frames)].sort((a, b) => a - b);
}

/**
 * To the next or previous marked frame.
 * @param {number} direction
 */
export function goToMark(direction) {
  const frames = markedFrames();
  const next =
    direction > 0 ? frames.find((frame) => frame > state.frame) : frames.findLast((frame) => frame < state.frame);
  change({ speed: 0 });
  if (next !== undefined) goTo(next);
}

/**
 * Tells the server, once a frame.
 * @param {number} frame
 */
export function noteLook(frame) {
  if (lookedAt.has(frame) || isReadOnly()) return;
  lookedAt.add(frame);
  looked(frame).then(onLook, () => lookedAt.delete(frame)); // told again at the next look
}

/** Keeps the shown frame in the address, so that a page that is loaded again shows it. */
function keepPlace() {
  if (state.project) history.replaceState(null, "", `#${state.frame}`);
}

/**
 * Notices frames at which somebody stays; called once.
 * @param {() => void} tell after each
 */
export function startNavigation(tell) {
  onLook = tell;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let later;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let resting;
  watch(["frame", "speed", "project"], () => {
    clearTimeout(resting); // browsers allow few changes of the address in a second
    if (state.speed === 0) resting = setTimeout(keepPlace, 200);
  });
  watch(["frame", "speed", "details"], () => {
    clearTimeout(later);
    if (state.speed !== 0 || state.details?.kind !== "result") return;
    later = setTimeout(() => noteLook(state.frame), LOOK_SECONDS * 1000);
  });
}
