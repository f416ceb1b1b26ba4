/** Ids of a frame as a coloured picture. */

/** @typedef {import("./types.js").Mask} Mask */
/** @typedef {import("./types.js").ViewMode} ViewMode */
import { channels } from "./palette.js";

/**
 * @typedef {object} Look
 * @property {ViewMode} view
 * @property {Map<number, string>} colours of the visible objects, as #rrggbb
 * @property {number|null} chosen
 * @property {number} thickness of outlines, in frame pixels
 * @property {number} stride every how many pixels are painted, where the screen shows no more
 */

const FILL = 0.42;
/** Of the object that is chosen. */
const CHOSEN_FILL = 0.5;

/**
 * As the bytes of a picture lie in memory.
 * @param {string} colour
 * @param {number} alpha
 */
function pixel(colour, alpha) {
  const [red, green, blue] = channels(colour);
  return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * Colours of the inside and the outline of each id; 0: not drawn.
 * @param {Look} look
 */
function tables({ view, colours, chosen }) {
  const fill = new Uint32Array(256);
  const edge = new Uint32Array(256);
  for (const [id, colour] of colours) {
    if (view === "matte" || view === "cutout") fill[id] = edge[id] = 0xffffffff;
    else {
      fill[id] = view === "overlay" ? pixel(colour, id === chosen ? CHOSEN_FILL : FILL) : 0;
      edge[id] = pixel(colour, id === chosen ? 1 : 0.85);
    }
  }
  return { fill, edge };
}

/** Draws masks into a canvas that covers the frame; it is kept and used again. */
export class MaskPainter {
  #canvas = document.createElement("canvas");
  #key = "";
  /** @type {Mask|null} */
  #mask = null;
  /** @type {ImageData|null} */
  #picture = null;

  /**
   * @param {Mask} mask
   * @param {number} width of the frame
   * @param {Look} look
   * @returns {HTMLCanvasElement}
   */
  paint(mask, width, look) {
    const key = `${look.view} ${[...look.colours]} ${look.chosen} ${look.thickness} ${look.stride}`;
    if (mask === this.#mask && key === this.#key) return this.#canvas;
    this.#mask = mask;
    this.#key = key;
    const columns = Math.ceil(width / look.stride);
    const rows = Math.ceil(mask.ids.length / width / look.stride);
    const context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d"));
    if (this.#picture?.width !== columns || this.#picture.height !== rows) {
      this.#canvas.width = columns;
      this.#canvas.height = rows;
      this.#picture = context.createImageData(columns, rows);
    }
    fillPixels(new Uint32Array(this.#picture.data.buffer), mask.ids, width, look);
    context.putImageData(this.#picture, 0, 0);
    return this.#canvas;
  }
}

/**
 * @param {Uint32Array} out
 * @param {Uint8Array} ids
 * @param {number} width
 * @param {Look} look
 */
function fillPixels(out, ids, width, look) {
  const { fill, edge } = tables(look);
  const { stride } = look;
  const across = Math.max(stride, look.thickness);
  const down = width * across;
  let to = 0;
  for (let row = 0; row < ids.length; row += width * stride) {
    for (let at = row; at < row + width; at += stride) {
      const id = ids[at];
      // Beyond the border of the frame `ids` is undefined, so a mask there has an outline.
      const isInside =
        edge[id] === 0 || (ids[at - across] === id && ids[at + across] === id && ids[at - down] === id && ids[at + down] === id);
      out[to++] = isInside ? fill[id] : edge[id];
    }
  }
}
