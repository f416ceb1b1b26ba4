/** Draws the lanes: for each object where it is visible, how sure that is, and its marks. */

/** @typedef {import("./types.js").Mark} Mark */

import { colourOf } from "./dom.js";
import { confidenceColour, objectColour } from "./palette.js";
import { marksOf, state } from "./state.js";

export const LANE = 22;
const BAR = 8;
const MARK = 5;

/** Colours of the bytes 2 to 255. */
const colours = Array.from({ length: 256 }, (_, byte) => confidenceColour((byte - 2) / 253));

/** Colours of the style sheet, read once for each picture. */
let ink = { chosen: "", track: "", line: "", text: "", dim: "", surface: "" };

function readInk() {
  ink = {
    chosen: colourOf("--chosen"),
    track: colourOf("--track"),
    line: colourOf("--line-strong"),
    text: colourOf("--text"),
    dim: colourOf("--text-2"),
    surface: colourOf("--surface"),
  };
}

/** @typedef {{begin: number, end: number, left: number, width: number}} Axis frames begin to end (after the last) over pixels */

/**
 * @param {Axis} axis
 * @param {number} frame
 * @returns {number} left edge of a frame
 */
export const xOf = ({ begin, end, left, width }, frame) => left + ((frame - begin) / (end - begin)) * width;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Axis} axis
 * @param {number} scrolled pixels of lanes above the canvas
 * @param {number} height of the canvas
 */
export function drawLanes(context, axis, scrolled, height) {
  readInk();
  const objects = state.project?.objects ?? [];
  const first = Math.max(0, Math.floor(scrolled / LANE));
  const last = Math.min(objects.length, Math.ceil((scrolled + height) / LANE));
  for (let place = first; place < last; place++) {
    const { id, name, is_visible: isVisible } = objects[place];
    const top = place * LANE - scrolled;
    if (id === state.object) {
      context.fillStyle = ink.chosen;
      context.fillRect(0, top, axis.left + axis.width, LANE);
    }
    drawName(context, id, name, top, axis.left);
    context.globalAlpha = isVisible ? 1 : 0.4;
    context.fillStyle = ink.track;
    context.fillRect(axis.left, top + (LANE - BAR) / 2, axis.width, BAR);
    const lane = state.lanes.get(id);
    if (lane) drawBar(context, axis, lane, top + (LANE - BAR) / 2);
    for (const mark of marksOf(id)) drawMark(context, axis, mark, top + LANE / 2);
    context.globalAlpha = 1;
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} id
 * @param {string} name
 * @param {number} top
 * @param {number} width
 */
function drawName(context, id, name, top, width) {
  context.fillStyle = objectColour(id);
  context.beginPath();
  context.roundRect(12, top + LANE / 2 - 5, 10, 10, 3);
  context.fill();
  context.save();
  context.beginPath();
  context.rect(0, top, width - 8, LANE);
  context.clip();
  context.fillStyle = id === state.object ? ink.text : ink.dim;
  context.textBaseline = "middle";
  context.fillText(name, 30, top + LANE / 2 + 0.5);
  context.restore();
}

/**
 * One rectangle for each run of the same colour; where a pixel covers several frames, it shows the
 * least sure of them.
 * @param {CanvasRenderingContext2D} context @param {Axis} axis @param {Uint8Array} lane @param {number} top
 */
function drawBar(context, axis, lane, top) {
  const { begin, end, left, width } = axis;
  const columns = Math.min(width, end - begin);
  const step = (end - begin) / columns;
  let from = 0;
  let shown = -1;
  for (let column = 0; column <= columns; column++) {
    const byte = column === columns ? -2 : leastSure(lane, begin + column * step, begin + (column + 1) * step);
    if (byte === shown) continue;
    const x = left + (from / columns) * width;
    const right = left + (column / columns) * width;
    if (shown >= 2) {
      context.fillStyle = colours[shown];
      context.fillRect(x, top, right - x + 0.25, BAR);
    } else if (shown === 1) {
      context.fillStyle = ink.line;
      context.fillRect(x, top + BAR / 2 - 0.5, right - x + 0.25, 1);
    }
    from = column;
    shown = byte;
  }
}

/**
 * @param {Uint8Array} lane
 * @param {number} begin
 * @param {number} end
 */
function leastSure(lane, begin, end) {
  let least = 256;
  let other = 0;
  for (let frame = Math.floor(begin); frame < Math.max(Math.floor(begin) + 1, Math.floor(end)); frame++) {
    const byte = lane[frame] ?? 0;
    if (byte >= 2) least = Math.min(least, byte);
    else other = Math.max(other, byte);
  }
  return least < 256 ? least : other;
}

/**
 * A diamond where masks are accepted, a dot where there are strokes.
 * @param {CanvasRenderingContext2D} context
 * @param {Axis} axis
 * @param {Mark} mark
 * @param {number} y
 */
function drawMark(context, axis, mark, y) {
  const x = xOf(axis, mark.frame + 0.5);
  if (x < axis.left - MARK || x > axis.left + axis.width + MARK) return;
  context.beginPath();
  if (mark.is_accepted) {
    context.moveTo(x, y - MARK - 1.5);
    context.lineTo(x + MARK + 1.5, y);
    context.lineTo(x, y + MARK + 1.5);
    context.lineTo(x - MARK - 1.5, y);
    context.closePath();
  } else context.arc(x, y, MARK - 0.5, 0, 2 * Math.PI);
  context.fillStyle = ink.text;
  context.fill();
  context.strokeStyle = ink.surface;
  context.lineWidth = 1.5;
  context.stroke();
}

/**
 * The legend of the colours.
 * @param {HTMLCanvasElement} canvas
 */
export function drawScale(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  for (let x = 0; x < canvas.width; x++) {
    context.fillStyle = confidenceColour(0.5 + x / canvas.width / 2);
    context.fillRect(x, 0, 1, canvas.height);
  }
}
