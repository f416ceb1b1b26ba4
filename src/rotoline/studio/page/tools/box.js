/** A box from one corner to the opposite one. */

/** @typedef {import("../types.js").Point} Point */

export class Box {
  /** @type {Point[]} */
  points = [];
  isDone = false;

  /**
   * @param {Point} point
   * @param {number} _reach
   */
  press(point, _reach) {
    this.points = [point, point];
  }

  /**
   * @param {Point} point
   * @param {number} _reach
   */
  drag(point, _reach) {
    this.points = [this.points[0], point];
  }

  /** @param {Point} _point */
  hover(_point) {}

  release() {
    const [[x, y], [right, bottom]] = this.points;
    // A click or a line is no box.
    this.isDone = Math.abs(right - x) >= 1 && Math.abs(bottom - y) >= 1;
    if (!this.isDone) this.points = [];
  }

  preview() {
    return this.points;
  }
}
