/** Leaving: formats with a preview, and the folder. */

/** @typedef {import("./types.js").Format} Format */

import * as api from "./api.js";
import { button, byId, make } from "./dom.js";
import { attempt } from "./marking.js";
import { report, say } from "./messages.js";
import { change, state, watch } from "./state.js";

/** @type {Format[]} */
let formats = [];
/**
 * The format whose preview is shown.
 * @type {string|null}
 */
let previewed = null;

/** @param {Format} format */
function row(format) {
  const box = make("input", { type: "checkbox", name: "format", value: format.name, disabled: format.extra_missing !== null });
  const text = make("span", { class: "text" }, make("strong", {}, format.title));
  const label = make("label", { class: "format", title: format.target }, box, text);
  if (format.extra_missing) text.append(make("small", { class: "missing" }, format.extra_missing));
  box.addEventListener("change", () => {
    previewed = box.checked ? format.name : (checked()[0] ?? null);
    drawPreview();
  });
  return make("li", {}, label);
}

const checked = () =>
  [...document.querySelectorAll("input[name=format]:checked")].map((box) => /** @type {HTMLInputElement} */ (box).value);

function drawPreview() {
  const picture = byId("preview", HTMLImageElement);
  const isShown = previewed !== null && !byId("panel-export", HTMLElement).hidden;
  byId("preview-box", HTMLElement).hidden = !isShown;
  button("export").disabled = checked().length === 0;
  if (!isShown || previewed === null) return;
  const title = formats.find((one) => one.name === previewed)?.title ?? previewed;
  picture.alt = `Frame ${state.frame} as ${title}`;
  byId("preview-title", HTMLElement).textContent = `${title}, frame ${state.frame}`;
  const address = api.previewAddress(previewed, state.frame);
  if (picture.getAttribute("src") !== address) picture.src = address;
}

async function load() {
  try {
    formats = await api.getFormats();
    byId("formats", HTMLUListElement).replaceChildren(...formats.map(row));
  } catch (error) {
    report(error);
  }
}

async function start() {
  const job = await attempt(() => api.startExport(checked()));
  if (job) change({ job });
}

async function openFolder() {
  try {
    await api.openFolder();
  } catch (error) {
    report(error);
  }
}

/**
 * Connects the panel; called once.
 * @param {(tell: () => void) => void} onShow
 */
export function startExports(onShow) {
  button("export").addEventListener("click", start);
  button("open-folder").addEventListener("click", openFolder);
  byId("preview", HTMLImageElement).addEventListener("error", () => {
    byId("preview-box", HTMLElement).hidden = true;
    say("This frame has no preview in that format yet.");
  });
  onShow(() => {
    if (formats.length === 0) load();
    drawPreview();
  });
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let later;
  watch(["frame", "speed", "details"], () => {
    clearTimeout(later);
    if (state.speed === 0) later = setTimeout(drawPreview, 300);
  });
  watch(["project"], () => (byId("project-path", HTMLElement).textContent = state.project?.path ?? ""));
}
