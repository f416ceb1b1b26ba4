/** What was drawn in the shown frame: its strokes, and which masks are accepted. */

/** @typedef {import("./types.js").Stroke} Stroke */

import { byId, icon, make } from "./dom.js";
import { removeStroke } from "./marking.js";
import { objectColour } from "./palette.js";
import { change, state, watch } from "./state.js";

const KINDS = {
  result: "Tracked",
  accepted: "Accepted",
  hints: "Not accepted",
  none: "Not marked",
};
const list = byId("strokes", HTMLUListElement);

/** @param {number} id */
const nameOf = (id) => state.project?.objects.find((one) => one.id === id)?.name ?? `object ${id}`;

/** @param {Stroke} stroke */
function row(stroke) {
  const isSelected = stroke.id === state.selectedStroke;
  const dot = make("span", { class: "dot" });
  dot.style.backgroundColor = objectColour(stroke.object);
  const text = `${stroke.is_object ? "" : "not "}${nameOf(stroke.object)}`;
  const choose = make(
    "button",
    { type: "button", class: "choose", "aria-pressed": String(isSelected), title: stroke.tool },
    icon(stroke.is_object ? stroke.tool : "minus"),
    dot,
    make("span", { class: "name" }, text),
  );
  choose.addEventListener("click", () => change({ selectedStroke: isSelected ? null : (stroke.id ?? null) }));
  const remove = make("button", { type: "button", class: "quiet", "aria-label": `Remove this ${stroke.tool}`, title: "Remove" }, icon("close"));
  remove.addEventListener("click", () => {
    change({ selectedStroke: stroke.id ?? null });
    removeStroke();
  });
  return make("li", {}, choose, remove);
}

/** Connects the panel; called once. */
export function startHere() {
  watch(["details", "selectedStroke", "project", "frame"], () => {
    const details = state.details?.frame === state.frame ? state.details : null;
    byId("here-frame", HTMLElement).textContent = `Frame ${state.frame}`;
    const kind = details ? KINDS[details.kind] : "";
    const badge = byId("here-kind", HTMLElement);
    badge.textContent = kind;
    badge.dataset.kind = details?.kind ?? "none";
    document.querySelector(".accept")?.classList.toggle("is-due", details?.kind === "hints");
    list.replaceChildren(...(details?.strokes ?? []).map(row));
  });
}
