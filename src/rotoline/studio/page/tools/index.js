/** The tools by name. */

/** @typedef {import("../types.js").ToolName} ToolName */

export { Polygon } from "./polygon.js";
import { Box } from "./box.js";
import { Freehand } from "./freehand.js";
import { Polygon } from "./polygon.js";

/** @typedef {Freehand|Box|Polygon} Tool */

/**
 * A fresh drawing with a tool.
 * @param {ToolName} name
 * @returns {Tool}
 */
export function startTool(name) {
  if (name === "box") return new Box();
  if (name === "polygon") return new Polygon();
  return new Freehand();
}

/**
 * Brush and eraser say by themselves whether pixels belong to the object; the other button swaps them.
 * @param {ToolName} name
 * @param {boolean} isObject
 * @returns {{tool: ToolName, is_object: boolean}}
 */
export function withSign(name, isObject) {
  if (name === "brush" || name === "eraser") {
    const isBrush = (name === "brush") === isObject;
    return { tool: isBrush ? "brush" : "eraser", is_object: true };
  }
  return { tool: name, is_object: isObject };
}
