/** A polygon of clicks; a click on its first point, a double click or Enter closes it. */

/** @typedef {import("../types.js").Point} Point */

export class Polygon {
  /** @type {Point[]} */
  points = [];
  /** @type {Point|null} */
  next = null;
  isDone = false;

  /**
   * @param {Point} point
   * @param {number} reach in frame pixels: how near is "on" a point
   */
  press(point, reach) {
    const isNear = (/** @type {Point} */ one) => Math.hypot(point[0] - one[0], point[1] - one[1]) <= reach;
    const last = this.points[this.points.length - 1];
    if (this.points.length >= 3 && (isNear(this.points[0]) || isNear(last))) this.isDone = true;
    else if (!last || !isNear(last)) this.points.push(point);
    this.next = null;
  }

  /**
   * @param {Point} _point
   * @param {number} _reach
   */
  drag(_point, _reach) {}

  /** @param {Point} point */
  hover(point) {
    this.next = point;
  }

  release() {}

  /** Closes it as it is. */
  close() {
    this.isDone = this.points.length >= 3;
  }

  preview() {
    return this.next ? [...this.points, this.next] : this.points;
  }
}
