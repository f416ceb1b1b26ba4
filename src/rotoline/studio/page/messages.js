/** Short messages at the edge of the picture, and banners that stay. */

import { Superseded } from "./api.js";
import { byId, icon, make } from "./dom.js";

const SECONDS = 4;

/**
 * Shows a message; errors stay until they are closed.
 * @param {string} text
 * @param {"note"|"error"} kind
 */
export function say(text, kind = "note") {
  const list = byId("messages", HTMLDivElement);
  for (const old of list.children) if (old.querySelector("p")?.textContent === text) old.remove();
  const close = make("button", { type: "button", class: "quiet", "aria-label": "Close this message" }, icon("close"));
  const role = kind === "error" ? "alert" : "status";
  const message = make("div", { class: `message ${kind}`, role }, icon(kind === "error" ? "warning" : "info"));
  message.append(make("p", {}, text), close);
  close.addEventListener("click", () => message.remove());
  list.append(message);
  if (kind === "note") setTimeout(() => message.remove(), SECONDS * 1000);
}

/**
 * Shows what went wrong, as the server says it.
 * @param {unknown} error
 */
export function report(error) {
  if (error instanceof Superseded) return;
  if (error instanceof DOMException && error.name === "AbortError") return;
  say(error instanceof Error ? error.message : String(error), "error");
}

/**
 * Shows or hides a banner that stays as long as its reason.
 * @param {string} id
 * @param {string|null} text null: gone
 */
export function banner(id, text) {
  const list = byId("banners", HTMLDivElement);
  const old = list.querySelector(`[data-id="${id}"]`);
  if (text === null) return old?.remove();
  if (old?.textContent === text) return undefined;
  old?.remove();
  list.append(make("p", { "data-id": id, role: "alert" }, icon("warning"), make("span", {}, text)));
  return undefined;
}
