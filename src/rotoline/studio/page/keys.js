/** Keys to commands, by the table of keys.json, which also draws the sheet. */

/** @typedef {import("./types.js").KeyEntry} KeyEntry */
/** @typedef {import("./types.js").KeyTable} KeyTable */

import { commands } from "./commands.js";

/** On keyboards where another sign is printed on it, the key at the place of an American one works too. */
/** @type {Record<string, string>} */
const PLACES = { BracketLeft: "[", BracketRight: "]", Minus: "-", Equal: "=", Comma: ",", Period: ".", Backslash: "\\" };

/** @type {Map<string, KeyEntry>} */
const entries = new Map();
/**
 * Keys that are held down, and what their release ends.
 * @type {Map<string, {entry: KeyEntry, key: string}>}
 */
const held = new Map();

/**
 * The names under which a key press may stand in the table, best first.
 * @param {KeyboardEvent} event
 * @returns {string[]}
 */
export function names(event) {
  // With AltGr, many keyboards make [ and ]; the browser then reports Ctrl and Alt as well.
  const isAltGraph = event.getModifierState("AltGraph");
  const control = (event.ctrlKey || event.metaKey) && !isAltGraph ? "Ctrl+" : "";
  const alt = event.altKey && !isAltGraph ? "Alt+" : "";
  const shift = event.shiftKey ? "Shift+" : "";
  const isSign = event.key.length === 1 && event.key !== " ";
  const key = event.key === " " ? "Space" : isSign ? event.key.toUpperCase() : event.key;
  const place = PLACES[event.code] ?? (event.code.startsWith("Digit") ? event.code.slice(5) : null);
  const found = [control + alt + shift + key];
  // Shift is needed to type a sign such as ?, but it is no part of its name.
  if (isSign && !/^[A-Z]$/.test(key)) found.push(control + alt + key);
  if (place) found.unshift(control + alt + shift + place);
  return found;
}

/**
 * Whether a key belongs to the element that has the focus.
 * @param {KeyboardEvent} event
 */
function isTaken(event) {
  const focus = event.target instanceof HTMLElement ? event.target : null;
  if (document.querySelector("dialog[open]")) return true;
  if (!focus) return false;
  if (focus instanceof HTMLInputElement) {
    if (focus.type === "range") return event.key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(event.key);
    if (focus.type === "radio" || focus.type === "checkbox") return event.key === " " || event.key.startsWith("Arrow");
    return true;
  }
  return focus.matches("button, a, summary") && (event.key === " " || event.key === "Enter");
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (isTaken(event)) return;
  const found = names(event).find((name) => entries.has(name));
  const entry = found === undefined ? undefined : entries.get(found);
  if (!entry || found === undefined) return;
  event.preventDefault();
  if (entry.hold) {
    if (event.repeat) return;
    held.set(event.code, { entry, key: found });
  }
  commands[entry.command](entry.value, found, true);
}

/** @param {KeyboardEvent} event */
function release(event) {
  const one = held.get(event.code);
  if (!one) return;
  held.delete(event.code);
  commands[one.entry.command](one.entry.value, one.key, false);
}

/**
 * Fetches the table and listens; called once.
 * @returns {Promise<KeyTable>}
 */
export async function startKeys() {
  /** @type {KeyTable} */
  const table = await (await fetch("/static/keys.json")).json();
  for (const entry of table.keys) for (const key of entry.keys) entries.set(key, entry);
  document.addEventListener("keydown", press);
  document.addEventListener("keyup", release);
  window.addEventListener("blur", () => {
    for (const { entry, key } of held.values()) {
      // A window that loses the focus hears of no release; Space must not start playing then.
      if (entry.command !== "playOrPan") commands[entry.command](entry.value, key, false);
    }
    held.clear();
  });
  // A button that was clicked gives the keys back, so that Space plays instead of pressing it again.
  document.addEventListener("click", (event) => {
    const focus = document.activeElement;
    if (event.detail > 0 && focus instanceof HTMLButtonElement && !document.querySelector("dialog[open]")) focus.blur();
  });
  return table;
}
