/** Strokes to the server, masks back; the newest answer wins. */

/** @typedef {import("./types.js").Stroke} Stroke */
/** @typedef {import("./types.js").Mask} Mask */

import * as api from "./api.js";
import { keepMask } from "./frames.js";
import { report, say } from "./messages.js";
import { goTo } from "./navigation.js";
import { change, chosen, isReadOnly, noteMark, state, watch } from "./state.js";
import { redraw, sketch } from "./stage.js";
import { loadProject } from "./project.js";

/**
 * Runs a request that changes the project, with a sign while it takes long.
 * @template T
 * @param {() => Promise<T>} request
 * @returns {Promise<T|undefined>}
 */
export async function attempt(request) {
  if (isReadOnly()) {
    say("This project is open for reading only, so nothing can be changed.", "error");
    return undefined;
  }
  change({ waiting: state.waiting + 1 });
  try {
    return await request();
  } catch (error) {
    report(error);
    return undefined;
  } finally {
    change({ waiting: state.waiting - 1 });
  }
}

/**
 * Sends one drawing of the shown frame.
 * @param {Stroke} drawn
 */
export async function mark(drawn) {
  const frame = state.frame;
  const sent = { frame, stroke: drawn };
  // Drawn right after asking for a new object, a stroke belongs to that one.
  const owner = making ?? (drawn.object || addObject());
  sketch.sent.push(sent);
  redraw();
  await attempt(async () => {
    const object = await owner;
    noteMark(object, frame);
    const answer = await api.addStroke(frame, { ...drawn, object });
    keepMask(frame, answer.mask);
  });
  await loadDetails(frame);
  sketch.sent = sketch.sent.filter((one) => one !== sent);
  redraw();
}

/** @type {Promise<number>|null} */
let making = null;

/**
 * Adds an object and chooses it.
 * @returns {Promise<number>}
 */
export function addObject() {
  making ??= (async () => {
    const { id } = await api.addObject({});
    await loadProject();
    change({ object: id });
    return id;
  })().finally(() => (making = null));
  return making;
}

/**
 * Fetches strokes and accepted masks of a frame, if it is still shown.
 * @param {number} frame
 */
export async function loadDetails(frame) {
  if (frame !== state.frame || state.speed !== 0 || !state.project) return;
  try {
    const details = await api.getFrame(frame);
    if (frame === state.frame) change({ details });
  } catch (error) {
    if (!(error instanceof api.ServerError && error.status === 0)) report(error);
  }
}

/** @param {() => Promise<Mask>} request */
async function changeMask(request) {
  const frame = state.frame;
  const mask = await attempt(request);
  if (mask) keepMask(frame, mask);
  await loadDetails(frame);
}

/** Accepts the masks of the shown frame as they stand. */
export async function accept() {
  const frame = state.frame;
  const done = await attempt(() => api.accept(frame));
  if (!done) return;
  say(`Frame ${frame}: the masks are accepted as they stand.`);
  await Promise.all([loadProject(), loadDetails(frame)]);
}

/** Removes the selected stroke of the shown frame, or the last one. */
export async function removeStroke() {
  const strokes = state.details?.strokes ?? [];
  const id = state.selectedStroke ?? strokes[strokes.length - 1]?.id;
  if (id === undefined) return say("This frame has no strokes.");
  change({ selectedStroke: null });
  return changeMask(() => api.removeStroke(state.frame, id));
}

/** Removes strokes and accepted mask of the chosen object in the shown frame. */
export async function clearObject() {
  const object = chosen();
  if (object) await changeMask(() => api.clearObject(state.frame, object.id));
}

/** @param {"undo"|"redo"} which */
export async function goBack(which) {
  const done = await attempt(() => api.goBack(which));
  if (!done) return;
  say(`${which === "undo" ? "Undone" : "Done again"}: ${done.text}`);
  await loadProject();
  if (done.frame !== null) goTo(done.frame);
  await loadDetails(state.frame);
}

/** Keeps the details of the shown frame up to date; called once. */
export function startMarking() {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let later;
  watch(["frame", "speed", "project"], () => {
    if (state.details && state.details.frame !== state.frame) change({ details: null, selectedStroke: null });
    clearTimeout(later);
    // Frames that are only passed need no details.
    later = setTimeout(() => loadDetails(state.frame), 60);
  });
}
