/** The sheet of keys, drawn from the table that the handler uses, and the keys in the tooltips. */

/** @typedef {import("./types.js").KeyTable} KeyTable */

import { byId, button, make } from "./dom.js";

const dialog = byId("sheet", HTMLDialogElement);
const isMac = navigator.platform.startsWith("Mac");

/** @type {Record<string, string>} */
const SHOWN = { ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", PageUp: "Page Up", PageDown: "Page Down" };

/** @param {string} name as in keys.json */
function keycaps(name) {
  // The last part may be a plus sign or empty; no key in the table is one.
  return name.split("+").map((part) => make("kbd", {}, SHOWN[part] ?? (part === "Ctrl" && isMac ? "⌘" : part)));
}

export function showSheet() {
  if (!dialog.open) dialog.showModal();
}

/**
 * @param {KeyTable} table
 * @param {string} group
 */
function section(table, group) {
  const rows = make("dl", {});
  for (const entry of table.keys.filter((one) => one.group === group)) {
    const keys = make("dt", { "data-keys": entry.keys.join(" ") });
    if (entry.shown) keys.append(...entry.shown.split(" ").map((part) => (part === "to" ? " to " : make("kbd", {}, part))));
    else {
      entry.keys.forEach((name, i) => {
        const caps = make("span", { class: "chord" }, ...keycaps(name));
        keys.append(...(i ? [make("span", { class: "or" }, "or"), caps] : [caps]));
      });
    }
    rows.append(keys, make("dd", {}, entry.does));
  }
  for (const entry of table.pointer.filter((one) => one.group === group)) {
    rows.append(make("dt", { class: "pointer" }, entry.shown), make("dd", {}, entry.does));
  }
  return make("section", {}, make("h3", {}, group), rows);
}

/**
 * Adds the key to what a button says of itself.
 * @param {KeyTable} table
 */
function labelButtons(table) {
  for (const element of document.querySelectorAll("[data-command]")) {
    const [command, value] = (element.getAttribute("data-command") ?? "").split("=");
    const entry = table.keys.find((one) => one.command === command && (value === undefined || String(one.value) === value));
    if (!entry) continue;
    const text = element.getAttribute("aria-label") ?? element.textContent ?? "";
    const key = keycaps(entry.keys[0]).map((cap) => cap.textContent).join("+");
    element.setAttribute("title", `${text.trim()} (${key})`);
    element.setAttribute("aria-keyshortcuts", entry.keys[0].replace("Ctrl", "Control"));
  }
}

/**
 * Draws the sheet; called once.
 * @param {KeyTable} table
 */
export function startSheet(table) {
  byId("sheet-keys", HTMLDivElement).append(...table.groups.map((group) => section(table, group)));
  button("close-sheet").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => event.key === "?" && dialog.close());
  button("help").addEventListener("click", showSheet);
  labelButtons(table);
}
