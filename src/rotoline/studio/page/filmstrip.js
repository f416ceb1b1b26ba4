/** Small pictures of the clip along the timeline. */

import { frameAddress, getPicture } from "./api.js";
import { FrameCache } from "./cache.js";
import { state } from "./state.js";

/** @typedef {import("./lanes.js").Axis} Axis */

export const STRIP = 44;
/** The server keeps small pictures of this width. */
const WIDTH = 160;
const RETRY_SECONDS = 2;

/** @param {() => void} redraw */
export function makeFilmstrip(redraw) {
  const pictures = new FrameCache({
    load: (frame, signal) => getPicture(frameAddress(state.project?.key ?? "", frame, WIDTH), signal),
    isFresh: () => true,
    free: (picture) => picture.close(),
    onLoad: redraw,
    // Frames that were not reached yet are asked for again; the stage says if something is wrong.
    onError: () => setTimeout(redraw, RETRY_SECONDS * 1000),
    parallel: 1,
  });
  pictures.capacity = 96;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let later;

  /**
   * @param {Axis} axis
   * @returns {{frame: number, x: number, width: number}[]}
   */
  function places({ begin, end, left, width }) {
    const [h, w] = state.project?.size ?? [9, 16];
    const wanted = (STRIP * w) / h;
    const number = Math.max(1, Math.min(Math.round(width / wanted), Math.ceil(end - begin)));
    const each = width / number;
    return Array.from({ length: number }, (_, i) => {
      const frame = Math.min(Math.floor(begin + ((i + 0.5) * (end - begin)) / number), end - 1);
      return { frame: Math.max(0, Math.floor(frame)), x: left + i * each, width: each };
    });
  }

  return {
    /**
     * @param {CanvasRenderingContext2D} context
     * @param {Axis} axis
     * @param {number} top
     */
    draw(context, axis, top) {
      if (!state.project?.source.is_found) return;
      const all = places(axis);
      clearTimeout(later);
      // Only after playing and zooming, so that they never hold up the frames themselves.
      later = setTimeout(() => state.speed === 0 && pictures.want(all.map((one) => one.frame)), 300);
      for (const { frame, x, width } of all) {
        const picture = pictures.get(frame);
        if (!picture) continue;
        const scale = Math.max(width / picture.width, STRIP / picture.height);
        const [w, h] = [width / scale, STRIP / scale];
        const [sx, sy] = [(picture.width - w) / 2, (picture.height - h) / 2];
        context.drawImage(picture, sx, sy, w, h, x, top, width - 1, STRIP);
      }
    },
  };
}
