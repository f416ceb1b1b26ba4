/** Tools, their sign and size, and how the masks are shown. */

/** @typedef {import("./types.js").ToolName} ToolName */
/** @typedef {import("./types.js").ViewMode} ViewMode */

import { button, byId } from "./dom.js";
import { change, chosen, state, watch } from "./state.js";

/** @type {Record<ToolName, string>} */
const NAMES = { stroke: "Smart stroke", box: "Box", polygon: "Polygon", brush: "Brush", eraser: "Eraser" };
/** @type {Record<ToolName, string>} */
const HINTS = {
  stroke: "Draw inside the object; a click is a short stroke. Right drag: not the object.",
  box: "Drag around the object. Right drag: none of the object in there.",
  polygon: "Click the corners; Enter, or a click on the first one, closes it.",
  brush: "Adds exactly these pixels. Right drag takes away.",
  eraser: "Takes away exactly these pixels. Right drag adds.",
};
const SMALLEST = 0.5;
const LARGEST = 200;
/** @type {ViewMode[]} */
const VIEWS = ["overlay", "outline", "cutout", "matte"];

/** @param {ToolName} tool */
export const chooseTool = (tool) => change({ tool });

export const swapSign = () => change({ isObject: !state.isObject });

/**
 * Larger or smaller by some steps; a step is a half, one, or a tenth of the radius.
 * @param {number} steps
 */
export function resizeTool(steps) {
  const radius = state.radius[state.tool];
  if (radius === undefined) return;
  const step = radius < 4 ? 0.5 : Math.max(1, Math.round(radius / 10));
  setRadius(radius + steps * step);
}

/** @param {number} radius */
function setRadius(radius) {
  const kept = Math.min(LARGEST, Math.max(SMALLEST, Math.round(radius * 2) / 2));
  change({ radius: { ...state.radius, [state.tool]: kept } });
}

export function nextView() {
  change({ view: VIEWS[(VIEWS.indexOf(state.view) + 1) % VIEWS.length] });
}

/**
 * The slider is finer for small sizes.
 * @param {number} radius
 */
const toSlider = (radius) => Math.round((100 * Math.log(radius / SMALLEST)) / Math.log(LARGEST / SMALLEST));
/** @param {number} place */
const fromSlider = (place) => SMALLEST * (LARGEST / SMALLEST) ** (place / 100);

/** Connects the buttons; called once. */
export function startToolbar() {
  for (const element of document.querySelectorAll("[data-tool]")) {
    const name = /** @type {ToolName} */ (element.getAttribute("data-tool"));
    element.addEventListener("click", () => chooseTool(name));
    watch(["tool"], () => element.setAttribute("aria-pressed", String(state.tool === name)));
  }
  for (const element of document.querySelectorAll("[data-view]")) {
    const view = /** @type {ViewMode} */ (element.getAttribute("data-view"));
    element.addEventListener("click", () => change({ view }));
    watch(["view"], () => element.setAttribute("aria-pressed", String(state.view === view)));
  }
  const onion = button("onion");
  onion.addEventListener("click", () => change({ isOnion: !state.isOnion }));
  watch(["isOnion"], () => onion.setAttribute("aria-pressed", String(state.isOnion)));

  for (const [id, isObject] of /** @type {[string, boolean][]} */ ([["is-object", true], ["is-not-object", false]])) {
    button(id).addEventListener("click", () => change({ isObject }));
    watch(["isObject"], () => button(id).setAttribute("aria-pressed", String(state.isObject === isObject)));
  }
  const size = byId("size", HTMLInputElement);
  size.addEventListener("input", () => setRadius(fromSlider(size.valueAsNumber)));
  watch(["tool", "radius"], () => {
    const radius = state.radius[state.tool];
    byId("size-field", HTMLLabelElement).hidden = radius === undefined;
    if (radius === undefined) return;
    size.value = String(toSlider(radius));
    size.setAttribute("aria-valuetext", `${2 * radius} pixels`);
    byId("size-shown", HTMLOutputElement).value = `${2 * radius} px`;
  });
  watch(["tool", "object", "project"], () => {
    const object = chosen();
    byId("tool-name", HTMLElement).textContent = NAMES[state.tool];
    byId("tool-hint", HTMLElement).textContent = object?.is_locked
      ? `${object.name} is locked. Unlock it to draw.`
      : HINTS[state.tool];
  });
  watch(["waiting"], () => byId("busy", HTMLElement).toggleAttribute("hidden", state.waiting === 0));
}
