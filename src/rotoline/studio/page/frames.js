/** The window of pictures and masks around the shown frame. */

import { ServerError, frameAddress, getMask, getPicture } from "./api.js";
import { FrameCache } from "./cache.js";
import { report } from "./messages.js";
import { count, hasMask, state, watch } from "./state.js";

/** @typedef {import("./types.js").Mask} Mask */

/** Wide enough for most windows; the full size is loaded only where it is looked at closely. */
export const VIEW_WIDTH = 1280;
const BYTES = 200e6;
const BEFORE = 8;
const AHEAD = 16;

/**
 * Newest known revision of frames that changed since the page was opened.
 * @type {Map<number, number>}
 */
const revisions = new Map();
/** @type {(() => void)[]} */
const listeners = [];
/** Whether the full size of the shown frame is needed. */
let isClose = false;

/**
 * @param {boolean} isFull
 * @param {number} parallel
 */
const pictureCache = (isFull, parallel) =>
  new FrameCache({
    load: (frame, signal) => getPicture(address(frame, isFull), signal),
    isFresh: () => true,
    free: (picture) => picture.close(),
    onLoad: tell,
    onError: reportLoad,
    parallel,
  });
const pictures = pictureCache(false, 4);
const large = pictureCache(true, 1);
large.capacity = 2;

/** @type {FrameCache<Mask>} */
const masks = new FrameCache({
  load: (frame, signal) => getMask(frame, needed(frame), signal),
  isFresh: (mask, frame) => mask.revision >= (revisions.get(frame) ?? 0),
  onLoad: tell,
  onError: reportLoad,
});

/** @param {number} frame */
const needed = (frame) => revisions.get(frame) ?? state.project?.revisions ?? 0;

/**
 * @param {number} frame
 * @param {boolean} isFull
 */
function address(frame, isFull) {
  const project = /** @type {NonNullable<typeof state.project>} */ (state.project);
  return frameAddress(project.key, frame, isFull || project.size[1] <= VIEW_WIDTH ? null : VIEW_WIDTH);
}

/**
 * A lost connection has its own banner.
 * @param {Error} error
 */
function reportLoad(error) {
  if (!(error instanceof ServerError && error.status === 0)) report(error);
}

function tell() {
  for (const listener of listeners) listener();
}

/**
 * Calls whenever a picture or mask has come.
 * @param {() => void} listener
 */
export const onLoad = (listener) => listeners.push(listener);

/**
 * The picture to show of a frame, if it is there.
 * @param {number} frame
 */
export const pictureOf = (frame) => (isClose && large.get(frame)) || pictures.get(frame) || large.get(frame);

/**
 * Ids of a frame, if they are there.
 * @param {number} frame
 */
export const maskOf = (frame) => masks.get(frame);

/**
 * Whether all of a frame can be shown.
 * @param {number} frame
 */
export const isReady = (frame) => pictures.has(frame) && (masks.has(frame) || !hasMask(frame));

/**
 * Keeps the answer to a stroke, unless a newer one was there first.
 * @param {number} frame
 * @param {Mask} mask
 */
export function keepMask(frame, mask) {
  const held = masks.get(frame);
  if (held && held.revision > mask.revision) return;
  revisions.set(frame, Math.max(mask.revision, revisions.get(frame) ?? 0));
  masks.put(frame, mask);
  tell();
}

/**
 * Hears that masks have changed.
 * @param {{frame: number, revision: number}[]} changed
 */
export function noteRevisions(changed) {
  for (const { frame, revision } of changed) {
    if (revision > (revisions.get(frame) ?? -1)) revisions.set(frame, revision);
  }
  loadAround();
}

/**
 * Says whether the frame is looked at so closely that its full size is needed.
 * @param {boolean} now
 */
export function lookClosely(now) {
  if (now === isClose) return;
  isClose = now;
  loadAround();
}

/**
 * Loads everything again, because the server was away.
 * @param {boolean} isOtherClip
 */
export function reload(isOtherClip) {
  revisions.clear();
  masks.clear();
  if (isOtherClip) {
    pictures.clear();
    large.clear();
  }
  loadAround();
}

/** Loads the shown frame first, then those that come next. */
export function loadAround() {
  const { project, frame, speed } = state;
  if (!project?.source.is_found) return;
  const [height, width] = project.size;
  const shown = Math.min(1, VIEW_WIDTH / width) ** 2 * width * height;
  pictures.capacity = Math.round(Math.min(120, Math.max(BEFORE + AHEAD + 1, BYTES / (4 * shown))));
  masks.capacity = Math.round(Math.min(240, Math.max(BEFORE + AHEAD + 1, BYTES / (width * height))));
  const order = ring(frame, speed < 0 ? -1 : 1);
  pictures.want(order);
  masks.want(order.filter(hasMask));
  large.want(isClose && width > VIEW_WIDTH && speed === 0 ? [frame] : []);
}

/**
 * Frames around one, those that come next first.
 * @param {number} centre
 * @param {number} direction
 */
function ring(centre, direction) {
  const frames = [centre];
  for (let step = 1; step <= AHEAD; step++) {
    frames.push(centre + direction * step);
    if (step <= BEFORE) frames.push(centre - direction * step);
  }
  return frames.filter((frame) => frame >= 0 && frame < count());
}

watch(["frame", "speed", "project", "lanes"], loadAround);
