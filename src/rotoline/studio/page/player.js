/** Playback: shows each frame when it is due and only if it is all there. */

import { isReady, loadAround } from "./frames.js";
import { change, count, state, watch } from "./state.js";
import { goTo } from "./navigation.js";
import { button, byId, setIcon } from "./dom.js";

const FASTEST = 8;

/** When the shown frame was due, in milliseconds of the page. */
let due = 0;

/**
 * First and last frame that are played.
 * @returns {[number, number]}
 */
export const played = () => state.range ?? [0, count() - 1];

/** @param {number} now */
function tick(now) {
  if (state.speed === 0) return;
  const rate = state.project?.frame_rate ?? 25;
  // Up to the clip's own rate times the speed; above 30 frames a second, frames are left out.
  const stride = Math.max(1, Math.round((Math.abs(state.speed) * rate) / 60));
  const milliseconds = (1000 * stride) / (Math.abs(state.speed) * rate);
  if (now - due >= milliseconds - 2) showNext(now, milliseconds, stride);
  requestAnimationFrame(tick);
}

/**
 * @param {number} now
 * @param {number} milliseconds
 * @param {number} stride
 */
function showNext(now, milliseconds, stride) {
  const [first, last] = played();
  let next = state.frame + Math.sign(state.speed) * stride;
  if (next > last) next = first;
  if (next < first) next = last;
  // A frame that has not come holds playback up; it is never left out or shown late.
  if (!isReady(next)) {
    due = now - milliseconds;
    return;
  }
  due = now - due > 2 * milliseconds ? now : due + milliseconds;
  goTo(next);
}

/** @param {number} speed */
function play(speed) {
  const wasPaused = state.speed === 0;
  if (speed !== 0 && wasPaused) {
    const [first, last] = played();
    if (speed > 0 && state.frame >= last) goTo(first);
    if (state.frame < first || state.frame > last) goTo(first);
    due = performance.now();
  }
  change({ speed });
  if (speed !== 0 && wasPaused) requestAnimationFrame(tick);
  if (speed === 0) loadAround();
}

export const togglePlay = () => play(state.speed === 0 ? 1 : 0);

/**
 * J, K and L of an editor.
 * @param {number} direction
 */
export function shuttle(direction) {
  const isFaster = Math.sign(state.speed) === direction;
  play(isFaster ? Math.sign(direction) * Math.min(FASTEST, Math.abs(state.speed) * 2) : direction);
}

/** @param {"in"|"out"} which */
export function setEnd(which) {
  const [first, last] = played();
  const { frame } = state;
  const range = which === "in" ? [frame, Math.max(frame, last)] : [Math.min(first, frame), frame];
  change({ range: /** @type {[number, number]} */ (range) });
}

/** Shows time and state; called once. */
export function startPlayer() {
  const play = button("play");
  watch(["speed"], () => {
    const isPlaying = state.speed !== 0;
    setIcon(play, isPlaying ? "pause" : "play");
    play.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    byId("speed", HTMLOutputElement).value = isPlaying && state.speed !== 1 ? `${state.speed}×` : "";
  });
  watch(["frame", "project"], () => {
    const seconds = state.frame / (state.project?.frame_rate || 25);
    const time = `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;
    byId("time", HTMLOutputElement).value = time;
    byId("of-count", HTMLSpanElement).textContent = `of ${Math.max(0, count() - 1)}`;
    const field = byId("frame", HTMLInputElement);
    if (document.activeElement !== field) field.value = String(state.frame);
  });
  const field = byId("frame", HTMLInputElement);
  field.addEventListener("change", () => {
    const frame = Number.parseInt(field.value, 10);
    if (Number.isFinite(frame)) goTo(frame);
    field.value = String(state.frame);
  });
  field.addEventListener("focus", () => field.select());
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") field.value = String(state.frame);
    if (event.key === "Enter" || event.key === "Escape") field.blur(); // the keys work again
  });
}
