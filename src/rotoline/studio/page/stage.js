/** Draws the shown frame with its masks and strokes. */

/** @typedef {import("./types.js").Stroke} Stroke */
/** @typedef {import("./types.js").Point} Point */

import { byId, keepSharp, oncePerPicture } from "./dom.js";
import { drawPointer, drawStroke } from "./drawings.js";
import { lookClosely, maskOf, onLoad, pictureOf, VIEW_WIDTH } from "./frames.js";
import { MaskPainter } from "./masks.js";
import { objectColour } from "./palette.js";
import { state, watch } from "./state.js";
import { View } from "./view.js";

const canvas = byId("stage", HTMLCanvasElement);
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
const painter = new MaskPainter();
const neighbours = [new MaskPainter(), new MaskPainter()];
const cutout = document.createElement("canvas");

/** What is being drawn and not yet answered, and where the pointer is. */
export const sketch = {
  /** @type {Stroke|null} */
  draft: null,
  /**
   * Strokes of a frame that the server has not yet confirmed.
   * @type {{frame: number, stroke: Stroke}[]}
   */
  sent: [],
  /** @type {Point|null} */
  pointer: null,
  isObject: true,
};

export const redraw = oncePerPicture(draw);

export const view = new View(() => {
  const width = state.project?.size[1] ?? 1;
  lookClosely(view.scale * devicePixelRatio > Math.min(1, VIEW_WIDTH / width));
  byId("zoom", HTMLOutputElement).value = `${Math.round(view.scale * devicePixelRatio * 100)} %`;
  redraw();
});

/**
 * Point of the stage under the pointer.
 * @param {MouseEvent} event
 * @returns {Point}
 */
export function stagePoint(event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function visibleColours() {
  const objects = state.project?.objects ?? [];
  return new Map(objects.filter((one) => one.is_visible).map((one) => [one.id, objectColour(one.id)]));
}

function draw() {
  const project = state.project;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!project) return;
  const [height, width] = project.size;
  const fine = view.scale * devicePixelRatio;
  context.setTransform(fine, 0, 0, fine, view.x * devicePixelRatio, view.y * devicePixelRatio);
  context.imageSmoothingEnabled = fine < 1;
  context.imageSmoothingQuality = "high";
  drawFrame(width, height);
  if (state.isOnion && !state.isHidden) drawNeighbours(width, height);
  drawStrokes();
  if (sketch.pointer && state.speed === 0) {
    const radius = state.radius[state.tool] ?? null;
    drawPointer(context, sketch.pointer, { radius, scale: view.scale, isObject: sketch.isObject });
  }
}

/**
 * The frame and its masks as the chosen view shows them.
 * @param {number} width
 * @param {number} height
 */
function drawFrame(width, height) {
  const picture = pictureOf(state.frame);
  const mask = state.isHidden ? undefined : maskOf(state.frame);
  const colours = visibleColours();
  const look = { view: state.view, colours, chosen: state.object, ...fineness() };
  const layer = mask && mask.ids.length === width * height ? painter.paint(mask, width, look) : null;
  if (state.isHidden || state.view === "overlay" || state.view === "outline") {
    if (picture) context.drawImage(picture, 0, 0, width, height);
    if (layer) drawLayer(layer);
  } else if (state.view === "matte") {
    context.fillStyle = "#000000";
    context.fillRect(0, 0, width, height);
    if (layer) drawLayer(layer);
  } else {
    drawChecks(width, height);
    if (picture && layer) drawLayer(cutOut(picture, layer, width, height));
  }
}

/** How finely masks are painted: no finer than the screen shows them. */
function fineness() {
  const fine = view.scale * devicePixelRatio;
  return { thickness: Math.max(1, Math.round(1.2 / fine)), stride: Math.max(1, Math.floor(1 / fine)) };
}

/** @param {HTMLCanvasElement} layer made with `fineness` */
function drawLayer(layer) {
  const { stride } = fineness();
  context.drawImage(layer, 0, 0, layer.width * stride, layer.height * stride);
}

/**
 * @param {ImageBitmap} picture
 * @param {HTMLCanvasElement} layer
 * @param {number} width
 * @param {number} height
 */
function cutOut(picture, layer, width, height) {
  if (cutout.width !== layer.width || cutout.height !== layer.height) {
    cutout.width = layer.width;
    cutout.height = layer.height;
  }
  const target = /** @type {CanvasRenderingContext2D} */ (cutout.getContext("2d"));
  target.globalCompositeOperation = "copy";
  target.drawImage(layer, 0, 0);
  target.globalCompositeOperation = "source-in";
  const { stride } = fineness();
  target.drawImage(picture, 0, 0, width / stride, height / stride);
  return cutout;
}

/**
 * Squares that say "nothing here".
 * @param {number} width
 * @param {number} height
 */
function drawChecks(width, height) {
  const side = 10 / view.scale;
  context.fillStyle = "#c4c7cb";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#dfe1e4";
  const path = new Path2D();
  for (let row = 0; row * side < height; row++) {
    for (let column = row % 2; column * side < width; column += 2) {
      const [x, y] = [column * side, row * side];
      path.rect(x, y, Math.min(side, width - x), Math.min(side, height - y));
    }
  }
  context.fill(path);
}

/**
 * Outlines of the frames before and after.
 * @param {number} width
 * @param {number} height
 */
function drawNeighbours(width, height) {
  [-1, 1].forEach((step, place) => {
    const mask = maskOf(state.frame + step);
    if (!mask || mask.ids.length !== width * height) return;
    const look = { view: /** @type {const} */ ("outline"), colours: visibleColours(), chosen: null, ...fineness() };
    const layer = neighbours[place].paint(mask, width, look);
    context.save();
    context.globalAlpha = step < 0 ? 0.9 : 0.5;
    drawLayer(layer);
    context.restore();
  });
}

function drawStrokes() {
  if (state.speed !== 0 || state.isHidden || state.view === "matte") return;
  const known = state.details?.frame === state.frame ? state.details.strokes : [];
  const sent = sketch.sent.filter((one) => one.frame === state.frame).map((one) => one.stroke);
  for (const stroke of known) {
    // The mask shows exact strokes already.
    const isExact = stroke.tool === "brush" || stroke.tool === "eraser";
    const isSelected = stroke.id === state.selectedStroke;
    if (!isExact || isSelected) drawStroke(context, stroke, { scale: view.scale, isSelected });
  }
  for (const stroke of [...sent, ...(sketch.draft ? [sketch.draft] : [])]) {
    drawStroke(context, stroke, { scale: view.scale, isSelected: false });
  }
}

/** Starts drawing; called once. */
export function startStage() {
  keepSharp(canvas, () => {
    const { width, height } = canvas.getBoundingClientRect();
    view.resize(width, height);
    draw(); // in the same picture as the change of size, so that nothing flickers
  });
  onLoad(redraw);
  watch(["project"], () => {
    if (state.project) view.setFrame(state.project.size[1], state.project.size[0]);
  });
  watch(
    ["project", "frame", "view", "isOnion", "isHidden", "object", "details", "selectedStroke", "speed", "tool", "radius"],
    redraw,
  );
  watch(["frame", "project", "object", "tool"], describe);
}

/** What a screen reader says of the picture. */
function describe() {
  const { project, frame, object } = state;
  if (!project) return;
  const name = project.objects.find((one) => one.id === object)?.name ?? "none";
  canvas.setAttribute("aria-label", `Frame ${frame} of ${project.count - 1}. Tool: ${state.tool}. Object: ${name}.`);
}
