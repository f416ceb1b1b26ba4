/** Strokes, brush and eraser: what the pointer's path covers. */

/** @typedef {import("../types.js").Point} Point */

export class Freehand {
  /** @type {Point[]} */
  points = [];
  isDone = false;

  /**
   * @param {Point} point
   * @param {number} _reach
   */
  press(point, _reach) {
    this.points = [point];
  }

  /**
   * @param {Point} point
   * @param {number} reach in frame pixels: what cannot be told apart on the screen
   */
  drag(point, reach) {
    const [x, y] = this.points[this.points.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) >= reach / 8) this.points.push(point);
  }

  /** @param {Point} _point */
  hover(_point) {}

  release() {
    this.isDone = this.points.length > 0;
  }

  /** What there is to draw so far. */
  preview() {
    return this.points;
  }
}
