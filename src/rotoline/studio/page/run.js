/** Tracking through the clip, and what runs now. */

/** @typedef {import("./types.js").Direction} Direction */

import * as api from "./api.js";
import { button, byId } from "./dom.js";
import { attempt } from "./marking.js";
import { say } from "./messages.js";
import { change, isReadOnly, markedIn, state, watch } from "./state.js";

/** Which objects to track. */
function wanted() {
  const which = document.querySelector("input[name=which]:checked")?.getAttribute("value");
  if (which === "all") return null;
  if (which === "chosen") return state.object === null ? [] : [state.object];
  const locked = new Set(state.project?.objects.filter((one) => one.is_locked).map((one) => one.id));
  return markedIn(state.frame).filter((id) => !locked.has(id));
}

/** @param {Direction} direction */
export async function run(direction) {
  const objects = wanted();
  if (objects?.length === 0) {
    say("No object is marked in this frame. Draw a stroke in it first, or go to a marked frame with Page Down.");
    return;
  }
  const job = await attempt(() => api.startJob(direction, state.frame, objects));
  if (job) change({ job });
}

export const isRunning = () => state.job?.status === "running" || state.job?.status === "waiting";

export async function cancel() {
  if (isRunning()) await attempt(api.cancelJob);
}

function drawJob() {
  const { job } = state;
  const isBusy = isRunning();
  byId("job", HTMLElement).hidden = !isBusy;
  if (!job) return;
  const bar = byId("progress", HTMLProgressElement);
  if (job.total > 0 && job.status === "running" && job.done > 0) {
    bar.max = job.total;
    bar.value = job.done;
  } else bar.removeAttribute("value");
  byId("job-text", HTMLElement).textContent = job.text;
  const share = job.total > 0 && job.done > 0 ? `${job.done} of ${job.total}` : "";
  byId("job-detail", HTMLElement).textContent = job.status === "waiting" ? "waiting" : job.message || share;
}

/** Connects the buttons; called once. */
export function startRun() {
  for (const element of document.querySelectorAll("[data-run]")) {
    const direction = /** @type {Direction} */ (element.getAttribute("data-run"));
    element.addEventListener("click", () => run(direction));
  }
  button("cancel-job").addEventListener("click", cancel);
  watch(["job"], drawJob);
  watch(["project"], () => {
    for (const element of document.querySelectorAll("[data-run]")) element.toggleAttribute("disabled", isReadOnly());
  });
}
