/** The panel at the right: one of three pages, or none. */

import { button, byId } from "./dom.js";

const NAMES = ["track", "check", "export"];

/** @type {Record<string, (() => void)[]>} */
const listeners = {};

/**
 * Calls whenever a page is shown.
 * @param {string} name
 * @param {() => void} tell
 */
export const onShow = (name, tell) => (listeners[name] ??= []).push(tell);

/** @param {string} name */
function show(name) {
  for (const one of NAMES) {
    const tab = button(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === name));
    tab.tabIndex = one === name ? 0 : -1;
    byId(`panel-${one}`, HTMLElement).hidden = one !== name;
  }
  for (const tell of listeners[name] ?? []) tell();
}

/** @param {boolean} isOpen */
function setOpen(isOpen) {
  document.body.classList.toggle("is-panel-closed", !isOpen);
  button("toggle-panel").setAttribute("aria-expanded", String(isOpen));
}

/** Connects the tabs; called once. */
export function startPanels() {
  NAMES.forEach((name, place) => {
    const tab = button(`tab-${name}`);
    tab.addEventListener("click", () => show(name));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by === undefined) return;
      event.stopPropagation();
      const next = NAMES[(place + by + NAMES.length) % NAMES.length];
      show(next);
      button(`tab-${next}`).focus();
    });
  });
  const toggle = button("toggle-panel");
  toggle.addEventListener("click", () => setOpen(document.body.classList.contains("is-panel-closed")));
  show("track");
}
