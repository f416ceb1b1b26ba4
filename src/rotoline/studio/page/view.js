/** Where the frame lies in the stage: one scale and one offset, in CSS pixels. */

/** @typedef {import("./types.js").Point} Point */

const LARGEST = 64;
const MARGIN = 16;

export class View {
  scale = 1;
  x = 0;
  y = 0;
  /** Whether the frame is fitted into the stage and stays so when that changes its size. */
  isFitted = true;
  /** Of the stage. */
  width = 1;
  height = 1;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    /** Of the frame. */
    this.frameWidth = 1;
    this.frameHeight = 1;
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.width = width;
    this.height = height;
    if (this.isFitted) this.fit();
    else this.#set(this.scale, this.x, this.y);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  setFrame(width, height) {
    if (width === this.frameWidth && height === this.frameHeight) return;
    this.frameWidth = width;
    this.frameHeight = height;
    this.fit();
  }

  fit() {
    const scale = this.#fittingScale();
    this.#set(scale, (this.width - this.frameWidth * scale) / 2, (this.height - this.frameHeight * scale) / 2);
    this.isFitted = true;
  }

  #fittingScale() {
    const width = Math.max(1, this.width - 2 * MARGIN);
    const height = Math.max(1, this.height - 2 * MARGIN);
    return Math.min(width / this.frameWidth, height / this.frameHeight, LARGEST);
  }

  /**
   * The point of the stage keeps showing the same point of the frame.
   * @param {Point} at
   * @param {number} factor
   */
  zoomAt([x, y], factor) {
    const smallest = Math.min(this.#fittingScale(), 1) / 4;
    const scale = Math.min(LARGEST, Math.max(smallest, this.scale * factor));
    const ratio = scale / this.scale;
    this.#set(scale, x - (x - this.x) * ratio, y - (y - this.y) * ratio);
    this.isFitted = false;
  }

  /** @param {number} factor */
  zoom(factor) {
    this.zoomAt([this.width / 2, this.height / 2], factor);
  }

  /** One frame pixel on one pixel of the screen. */
  actualSize() {
    this.zoom(1 / devicePixelRatio / this.scale);
  }

  /**
   * @param {number} dx
   * @param {number} dy in CSS pixels
   */
  pan(dx, dy) {
    this.#set(this.scale, this.x + dx, this.y + dy);
    this.isFitted = false;
  }

  /**
   * @param {Point} point of the stage
   * @returns {Point} in frame pixels
   */
  toFrame([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  /**
   * @param {number} scale
   * @param {number} x
   * @param {number} y
   */
  #set(scale, x, y) {
    // Some of the frame stays in sight, and its corner lies on a pixel of the screen, where
    // neighbouring frame pixels are drawn equally large.
    const keep = 40;
    const snap = (/** @type {number} */ value) => Math.round(value * devicePixelRatio) / devicePixelRatio;
    this.scale = scale;
    this.x = snap(Math.min(this.width - keep, Math.max(keep - this.frameWidth * scale, x)));
    this.y = snap(Math.min(this.height - keep, Math.max(keep - this.frameHeight * scale, y)));
    this.onChange();
  }
}
