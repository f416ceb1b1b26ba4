/** Strokes, boxes and polygons over the frame, as they were drawn. */

/** @typedef {import("./types.js").Stroke} Stroke */

import { objectColour } from "./palette.js";

/**
 * @param {CanvasRenderingContext2D} context with the transform of the frame
 * @param {Stroke} stroke
 * @param {object} options
 * @param {number} options.scale CSS pixels of a frame pixel
 * @param {boolean} options.isSelected
 */
export function drawStroke(context, stroke, { scale, isSelected }) {
  const isExact = stroke.tool === "brush" || stroke.tool === "eraser";
  if (isExact) return drawExact(context, stroke);
  const isArea = stroke.tool === "box" || stroke.tool === "polygon";
  const line = isArea ? 2 / scale : Math.max(2 * stroke.radius, 1 / scale);
  const path = isArea ? areaPath(stroke) : linePath(stroke);
  context.save();
  context.lineCap = context.lineJoin = "round";
  // A casing that is light around the object and dark around what it is not, on any picture; and
  // dashes for the latter, so that nothing depends on colour.
  const colour = stroke.is_object ? objectColour(stroke.object) : "#ffffff";
  context.strokeStyle = isSelected ? "#ffffff" : stroke.is_object ? "rgb(255 255 255 / .75)" : "rgb(0 0 0 / .8)";
  context.lineWidth = line + (isSelected ? 5 : 3) / scale;
  context.stroke(path);
  context.strokeStyle = colour;
  context.lineWidth = line;
  if (!stroke.is_object) {
    context.strokeStyle = "#111111";
    context.stroke(path);
    context.strokeStyle = colour;
    context.setLineDash([line * 0.01, line * 2]);
    context.lineWidth = line * 0.8;
  }
  context.stroke(path);
  context.restore();
  return undefined;
}

/**
 * A brush or eraser that is being drawn; once it is applied, the mask shows it.
 * @param {CanvasRenderingContext2D} context
 * @param {Stroke} stroke
 */
function drawExact(context, stroke) {
  context.save();
  context.lineCap = context.lineJoin = "round";
  context.globalAlpha = 0.55;
  context.strokeStyle = stroke.tool === "brush" ? objectColour(stroke.object) : "#ffffff";
  context.lineWidth = 2 * stroke.radius;
  context.stroke(linePath(stroke));
  context.restore();
}

/** @param {Stroke} stroke */
function linePath({ points }) {
  const path = new Path2D();
  path.moveTo(...points[0]);
  // A single point needs a line of no length to be drawn as a dot.
  for (const point of points) path.lineTo(...point);
  return path;
}

/** @param {Stroke} stroke */
function areaPath({ tool, points }) {
  const path = new Path2D();
  if (tool === "box") {
    const [[x, y], [right, bottom]] = [points[0], points[points.length - 1]];
    path.rect(x, y, right - x, bottom - y);
  } else {
    points.forEach((point, i) => (i ? path.lineTo(...point) : path.moveTo(...point)));
    if (points.length > 2) path.closePath();
  }
  return path;
}

/**
 * What the pointer would draw: a circle as large as the brush, a cross for areas.
 * @param {CanvasRenderingContext2D} context with the transform of the frame
 * @param {[number, number]} at in frame pixels
 * @param {{radius: number|null, scale: number, isObject: boolean}} options
 */
export function drawPointer(context, [x, y], { radius, scale, isObject }) {
  const path = new Path2D();
  const arm = 5 / scale;
  if (radius !== null && radius * scale > 2) path.arc(x, y, radius, 0, 2 * Math.PI);
  else {
    path.moveTo(x - arm, y);
    path.lineTo(x + arm, y);
    path.moveTo(x, y - arm);
    path.lineTo(x, y + arm);
  }
  context.save();
  context.strokeStyle = "rgb(0 0 0 / .8)";
  context.lineWidth = 3 / scale;
  context.stroke(path);
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.25 / scale;
  if (!isObject) context.setLineDash([3 / scale, 3 / scale]);
  context.stroke(path);
  context.restore();
}
