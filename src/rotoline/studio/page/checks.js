/** Frames to check, those most worth looking at first. */

import { getChecks } from "./api.js";
import { byId, make } from "./dom.js";
import { report, say } from "./messages.js";
import { goTo, noteLook } from "./navigation.js";
import { change, state, watch } from "./state.js";

/** As many as one looks at; the list of a long clip is longer. */
const SHOWN = 50;
/** Place in the list; -1 before the first. */
let place = -1;

export async function loadChecks() {
  try {
    const { frames } = await getChecks();
    change({ checks: frames });
  } catch (error) {
    report(error);
  }
}

/**
 * With the names that objects have now.
 * @param {string} text
 */
function named(text) {
  return text.replace(/object (\d+)/g, (known, id) => {
    return state.project?.objects.find((one) => one.id === Number(id))?.name ?? known;
  });
}

/** Why there is no frame to check. */
function nothing() {
  const isTracked = [...state.lanes.values()].some((lane) => lane.some((value) => value > 1));
  return isTracked
    ? "There is nothing left to check: all tracked frames are marked."
    : "There is nothing to check yet: track an object first.";
}

/** @param {number} direction */
export async function goToCheck(direction) {
  if (state.checks.length === 0) await loadChecks();
  if (state.checks.length === 0) return say(nothing());
  const current = state.checks.findIndex((one) => one.frame === state.frame);
  const from = current >= 0 ? current : place;
  place = Math.min(state.checks.length - 1, Math.max(0, from + direction));
  change({ speed: 0 });
  show(place);
  return undefined;
}

/** @param {number} index */
function show(index) {
  place = index;
  const { frame, text, object } = state.checks[index];
  goTo(frame);
  // What is drawn there is meant for the object that looks wrong.
  if (state.project?.objects.some((one) => one.id === object)) change({ object });
  noteLook(frame);
  byId("check-said", HTMLElement).textContent = `Frame ${frame}: ${named(text)}`;
}

function drawList() {
  const list = byId("checks", HTMLOListElement);
  const rows = state.checks.slice(0, SHOWN).map((check, index) => {
    const choose = make(
      "button",
      { type: "button", class: "choose", "aria-pressed": String(check.frame === state.frame) },
      make("span", { class: "number" }, String(check.frame)),
      make("span", { class: "name" }, named(check.text)),
    );
    choose.addEventListener("click", () => show(index));
    return make("li", {}, choose);
  });
  list.replaceChildren(...rows);
  const none = byId("no-checks", HTMLElement);
  none.hidden = rows.length > 0;
  if (rows.length === 0) none.textContent = nothing();
}

/**
 * Keeps the list up to date; called once.
 * @param {(tell: () => void) => void} onShow
 */
export function startChecks(onShow) {
  onShow(loadChecks);
  let status = "";
  watch(["job", "project"], () => {
    const now = state.job?.status ?? "none";
    const isOver = now !== "running" && now !== "waiting";
    if (state.project && now !== status && isOver) loadChecks();
    if (state.project) status = now;
  });
  watch(["checks"], () => (place = -1));
  watch(["checks", "frame"], drawList);
  watch(["project"], () => {
    const { looked_at: looked = 0, corrected = 0 } = state.project ?? {};
    byId("looked-at", HTMLElement).textContent = String(looked);
    byId("corrected", HTMLElement).textContent = String(corrected);
  });
}
