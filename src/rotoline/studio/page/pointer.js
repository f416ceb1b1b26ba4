/** Mouse, pen and trackpad on the picture: draw, pan, zoom. */

/** @typedef {import("./types.js").Stroke} Stroke */
/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./tools/index.js").Tool} Tool */

import { byId } from "./dom.js";
import { mark } from "./marking.js";
import { chosen, isReadOnly, state, watch } from "./state.js";
import { redraw, sketch, stagePoint, view } from "./stage.js";
import { resizeTool } from "./toolbar.js";
import { Polygon, startTool, withSign } from "./tools/index.js";

const canvas = byId("stage", HTMLCanvasElement);
/** CSS pixels that count as the same place. */
const REACH = 8;
const MIDDLE = 1;
const RIGHT = 2;
const PEN_ERASER = 5;

/** @type {Tool|null} */
let tool = null;
let isObject = true;
/**
 * Where the last pan event was.
 * @type {Point|null}
 */
let panFrom = null;
/** While Space is held, a drag pans. */
let isPanKeyDown = false;
let hasPanned = false;

/**
 * Hears of the Space bar.
 * @param {boolean} isDown
 * @returns {boolean} whether it was used to pan
 */
export function holdPan(isDown) {
  if (isDown && !isPanKeyDown) hasPanned = false;
  isPanKeyDown = isDown;
  canvas.classList.toggle("can-pan", isDown);
  return hasPanned;
}

/** @param {PointerEvent} event */
const isNegative = (event) =>
  event.button === RIGHT || event.button === PEN_ERASER || (event.buttons & 32) !== 0 || event.altKey;

/** @param {PointerEvent} event */
function press(event) {
  // The ring around the stage is for those who came with the keyboard.
  canvas.classList.add("by-pointer");
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  if (event.button === MIDDLE || isPanKeyDown) {
    panFrom = stagePoint(event);
    canvas.classList.add("is-panning");
    return;
  }
  if (isReadOnly() || chosen()?.is_locked) return;
  if (state.speed !== 0) return;
  if (!(tool instanceof Polygon)) {
    isObject = state.isObject !== isNegative(event);
    tool = startTool(state.tool);
  } else if (tool.points.length === 0) isObject = state.isObject !== isNegative(event);
  tool.press(view.toFrame(stagePoint(event)), REACH / view.scale);
  finish();
}

/** @param {PointerEvent} event */
function move(event) {
  if (panFrom) {
    const point = stagePoint(event);
    view.pan(point[0] - panFrom[0], point[1] - panFrom[1]);
    panFrom = point;
    hasPanned = true;
    return;
  }
  sketch.pointer = view.toFrame(stagePoint(event));
  sketch.isObject = state.isObject !== event.altKey;
  const events = event.getCoalescedEvents?.() ?? [];
  if (tool && event.buttons !== 0) {
    for (const one of events.length ? events : [event]) {
      tool.drag(view.toFrame(stagePoint(one)), REACH / view.scale);
    }
  } else tool?.hover(sketch.pointer);
  showDraft();
}

function release() {
  panFrom = null;
  canvas.classList.remove("is-panning");
  if (!tool) return;
  tool.release();
  finish();
  if (tool && tool.points.length === 0) cancelDrawing();
}

/** Sends the drawing if it is complete. */
function finish() {
  if (!tool?.isDone) return showDraft();
  const stroke = asStroke(tool.points);
  cancelDrawing();
  return isOnFrame(stroke) ? mark(stroke) : undefined;
}

/**
 * @param {Point[]} points
 * @returns {Stroke}
 */
function asStroke(points) {
  const sign = withSign(state.tool, isObject);
  // Far outside the frame it matters no more where a line goes; the server takes no such points.
  const [height, width] = state.project?.size ?? [1, 1];
  const near = (/** @type {number} */ value, /** @type {number} */ size) => Math.min(2 * size, Math.max(-size, value));
  const kept = points.map(([x, y]) => /** @type {Point} */ ([near(x, width), near(y, height)]));
  return { object: state.object ?? 0, ...sign, radius: state.radius[state.tool] ?? 0.5, points: kept };
}

/**
 * Whether a drawing touches the frame at all.
 * @param {Stroke} stroke
 */
function isOnFrame({ points, radius }) {
  const [height, width] = state.project?.size ?? [1, 1];
  const covers = (/** @type {number[]} */ values, /** @type {number} */ size) =>
    Math.min(...values) - radius < size && Math.max(...values) + radius > 0;
  return covers(points.map(([x]) => x), width) && covers(points.map(([, y]) => y), height);
}

function showDraft() {
  const points = tool?.preview() ?? [];
  sketch.draft = points.length ? asStroke(points) : null;
  redraw();
}

/**
 * Forgets a drawing that is not complete.
 * @returns {boolean} whether there was one
 */
export function cancelDrawing() {
  const wasDrawing = tool !== null;
  tool = state.tool === "polygon" ? new Polygon() : null;
  const hadPoints = sketch.draft !== null;
  sketch.draft = null;
  redraw();
  return wasDrawing && hadPoints;
}

/**
 * Closes a polygon.
 * @returns {boolean} whether there was one
 */
export function closeDrawing() {
  if (!(tool instanceof Polygon) || tool.points.length === 0) return false;
  tool.close();
  finish();
  return true;
}

/** Until when wheel events belong to the gesture of a trackpad. */
let trackpadUntil = 0;

/**
 * Whether a wheel event comes from two fingers. Browsers do not say; a mouse wheel gives whole
 * notches in one direction.
 * @param {WheelEvent} event
 */
function isTrackpad(event) {
  const isNotch = event.deltaMode !== 0 || (event.deltaX === 0 && Math.abs(event.deltaY) >= 50);
  if (!isNotch) trackpadUntil = event.timeStamp + 400;
  return event.timeStamp < trackpadUntil;
}

/** @param {WheelEvent} event */
function wheel(event) {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 33 : 1;
  if (event.altKey) return resizeTool(event.deltaY > 0 ? -1 : 1);
  if (event.ctrlKey) return view.zoomAt(stagePoint(event), Math.exp(-event.deltaY * lines * 0.01)); // a pinch
  if (isTrackpad(event)) return view.pan(-event.deltaX, -event.deltaY);
  return view.zoomAt(stagePoint(event), Math.exp(-Math.sign(event.deltaY) * 0.2));
}

/** Listens to the picture; called once. */
export function startPointer() {
  canvas.addEventListener("pointerdown", press);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", () => (panFrom ? release() : cancelDrawing()));
  canvas.addEventListener("pointerleave", () => {
    sketch.pointer = null;
    redraw();
  });
  canvas.addEventListener("blur", () => canvas.classList.remove("by-pointer"));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", wheel, { passive: false });
  watch(["frame", "tool", "object"], cancelDrawing);
}
