/** Starts the page. */

import { startChecks } from "./checks.js";
import { commands } from "./commands.js";
import { button, byId } from "./dom.js";
import { startExports } from "./exports.js";
import { startHere } from "./here.js";
import { startKeys } from "./keys.js";
import { startMarking } from "./marking.js";
import { report } from "./messages.js";
import { startNavigation } from "./navigation.js";
import { startObjects } from "./objects.js";
import { onShow, startPanels } from "./panels.js";
import { startPlayer } from "./player.js";
import { startPointer } from "./pointer.js";
import { listen, loadProject } from "./project.js";
import { startRun } from "./run.js";
import { startSheet } from "./sheet.js";
import { startStage } from "./stage.js";
import { isReadOnly, state, watch } from "./state.js";
import { startTimeline } from "./timeline.js";
import { startToolbar } from "./toolbar.js";

/** Buttons that do the same as a key. */
function connectButtons() {
  for (const element of document.querySelectorAll("button[data-command]:not([data-tool], [data-run])")) {
    const [command, value] = (element.getAttribute("data-command") ?? "").split("=");
    if (element.id === "help" || element.id === "play") continue;
    element.addEventListener("click", () => commands[command](value === undefined ? undefined : Number(value), "", true));
  }
  button("play").addEventListener("click", () => commands.shuttle(state.speed === 0 ? 1 : 0, "", true));
}

function showProject() {
  const { project } = state;
  if (!project) return;
  byId("project-name", HTMLElement).textContent = project.name;
  byId("source-name", HTMLElement).textContent = project.source.name;
  for (const which of /** @type {("undo"|"redo")[]} */ (["undo", "redo"])) {
    button(which).disabled = project[which] === null || isReadOnly();
    button(which).setAttribute("aria-description", project[which] ?? "");
  }
}

async function start() {
  startToolbar();
  startStage();
  startMarking();
  startNavigation(loadProject);
  startPointer();
  startTimeline();
  startPlayer();
  startObjects();
  startHere();
  startPanels();
  startRun();
  startChecks((tell) => onShow("check", tell));
  startExports((tell) => onShow("export", tell));
  connectButtons();
  watch(["project"], showProject);
  listen();
  startSheet(await startKeys());
}

start().catch(report);
