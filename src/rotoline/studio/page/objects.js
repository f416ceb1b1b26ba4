/** The list of objects, and the chosen one's name and colour. */

/** @typedef {import("./types.js").VideoObject} VideoObject */

import * as api from "./api.js";
import { button, byId, icon, make } from "./dom.js";
import { addObject, attempt } from "./marking.js";
import { COLOURS, isLight, objectColour } from "./palette.js";
import { loadProject } from "./project.js";
import { change, chosen, isReadOnly, marksOf, state, watch } from "./state.js";

const list = byId("objects", HTMLUListElement);
const nameField = byId("object-name", HTMLInputElement);

/**
 * @param {number} id
 * @param {Partial<VideoObject>} values
 */
async function update(id, values) {
  await attempt(() => api.changeObject(id, values));
  await loadProject();
}

/** @param {number} place counted from 1 */
export function chooseByPlace(place) {
  const object = state.project?.objects[place - 1];
  if (object) change({ object: object.id });
}

/** @param {number} by */
export function stepObject(by) {
  const objects = state.project?.objects ?? [];
  const place = objects.findIndex((one) => one.id === state.object);
  if (objects.length) change({ object: objects[(place + by + objects.length) % objects.length].id });
}

export const newObject = () => attempt(addObject);

export function rename() {
  nameField.focus();
  nameField.select();
}

export async function toggleVisible() {
  const object = chosen();
  if (object) await update(object.id, { is_visible: !object.is_visible });
}

/** Hides all others, or shows them if all are hidden. */
export async function toggleOthers() {
  const others = (state.project?.objects ?? []).filter((one) => one.id !== state.object);
  const isShown = others.every((one) => !one.is_visible);
  for (const one of others) {
    if (one.is_visible !== isShown) await attempt(() => api.changeObject(one.id, { is_visible: isShown }));
  }
  await loadProject();
}

export async function toggleLock() {
  const object = chosen();
  if (object) await update(object.id, { is_locked: !object.is_locked });
}

async function removeChosen() {
  const object = chosen();
  if (!object) return;
  await attempt(() => api.removeObject(object.id));
  await loadProject();
}

/**
 * @param {VideoObject} object
 * @param {"is_visible"|"is_locked"} key
 */
function toggle(object, key) {
  const isOn = object[key];
  const [on, off, what] = key === "is_visible" ? ["eye", "eye-off", "Show"] : ["lock", "unlock", "Lock"];
  const element = make(
    "button",
    { type: "button", class: `quiet ${key}`, "aria-pressed": String(isOn), "aria-label": `${what} ${object.name}`, title: what },
    icon(isOn ? on : off),
  );
  element.addEventListener("click", () => update(object.id, { [key]: !isOn }));
  return element;
}

/**
 * @param {string} sign
 * @param {number} number
 */
const counted = (sign, number) => (number ? ` ${sign} ${number}` : "");

/**
 * @param {VideoObject} object
 * @param {number} place
 */
function row(object, place) {
  const colour = objectColour(object.id);
  const badge = make("span", { class: "badge" }, String(place + 1));
  badge.style.backgroundColor = colour;
  badge.style.color = isLight(colour) ? "#111" : "#fff";
  const marks = marksOf(object.id);
  const accepted = marks.filter((mark) => mark.is_accepted).length;
  const drawn = marks.length - accepted;
  const choose = make(
    "button",
    { type: "button", class: "choose", "aria-pressed": String(object.id === state.object) },
    badge,
    make("span", { class: "name" }, object.name),
    make("span", { class: "marks", title: "Frames with an accepted mask, and with strokes" }, counted("◆", accepted), counted("●", drawn)),
  );
  choose.addEventListener("click", () => change({ object: object.id }));
  choose.addEventListener("dblclick", rename);
  return make("li", object.is_visible ? {} : { class: "is-hidden" }, choose, toggle(object, "is_visible"), toggle(object, "is_locked"));
}

function drawList() {
  const objects = state.project?.objects ?? [];
  // A list that is made anew must not take the focus away from the keyboard.
  const focused = [...list.querySelectorAll("button")].indexOf(/** @type {any} */ (document.activeElement));
  list.replaceChildren(...objects.map(row));
  if (focused >= 0) list.querySelectorAll("button")[focused]?.focus();
  list.querySelector("[aria-pressed=true].choose")?.scrollIntoView({ block: "nearest" });
  byId("no-objects", HTMLElement).hidden = objects.length > 0;
}

function drawChosen() {
  const object = chosen();
  byId("chosen-object", HTMLElement).hidden = !object;
  if (!object) return;
  if (document.activeElement !== nameField) nameField.value = object.name;
  const colour = objectColour(object.id);
  for (const swatch of byId("colours", HTMLDivElement).querySelectorAll("button")) {
    swatch.setAttribute("aria-pressed", String(swatch.dataset.colour === colour));
  }
  byId("other-colour", HTMLInputElement).value = colour;
}

function makeSwatches() {
  const names = ["orange", "sky blue", "green", "yellow", "blue", "vermilion", "purple", "grey"];
  const swatches = COLOURS.map((colour, i) => {
    const swatch = make("button", { type: "button", class: "swatch", "data-colour": colour, "aria-label": names[i], title: names[i] });
    swatch.style.backgroundColor = colour;
    swatch.addEventListener("click", () => state.object !== null && update(state.object, { colour }));
    return swatch;
  });
  byId("colours", HTMLDivElement).prepend(...swatches);
}

/** Connects the panel; called once. */
export function startObjects() {
  makeSwatches();
  const other = byId("other-colour", HTMLInputElement);
  other.addEventListener("change", () => state.object !== null && update(state.object, { colour: other.value }));
  nameField.addEventListener("change", () => {
    const name = nameField.value.trim();
    if (state.object !== null && name) update(state.object, { name });
  });
  nameField.addEventListener("keydown", (event) => {
    if (event.key === "Escape") nameField.value = chosen()?.name ?? "";
    if (event.key === "Enter" || event.key === "Escape") nameField.blur();
  });
  button("remove-object").addEventListener("click", removeChosen);
  watch(["project", "object"], drawList);
  watch(["project", "object"], drawChosen);
  watch(["project"], () => document.body.classList.toggle("is-read-only", isReadOnly()));
}
