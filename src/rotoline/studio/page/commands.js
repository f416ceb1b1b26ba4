/** What each command of keys.json does. */

/** @typedef {import("./types.js").Direction} Direction */
/** @typedef {import("./types.js").ToolName} ToolName */

import { goToCheck } from "./checks.js";
import { accept, clearObject, goBack, removeStroke } from "./marking.js";
import { goTo, goToMark, step } from "./navigation.js";
import * as objects from "./objects.js";
import { setEnd, shuttle, togglePlay } from "./player.js";
import { cancelDrawing, closeDrawing, holdPan } from "./pointer.js";
import { cancel, run } from "./run.js";
import { showSheet } from "./sheet.js";
import { view } from "./stage.js";
import { change, count } from "./state.js";
import { chooseTool, nextView, resizeTool, swapSign } from "./toolbar.js";

const ZOOM = 1.25;
const PAN = 60;

/**
 * Each gets the value of its entry, the key that was pressed, and whether it went down.
 * @type {Record<string, (value: any, key: string, isDown: boolean) => unknown>}
 */
export const commands = {
  tool: (/** @type {ToolName} */ tool) => chooseTool(tool),
  swapSign: () => swapSign(),
  resize: (/** @type {number} */ steps) => resizeTool(steps),
  accept: () => closeDrawing() || accept(),
  undo: () => cancelDrawing() || goBack("undo"),
  redo: () => goBack("redo"),
  removeStroke: () => cancelDrawing() || removeStroke(),
  clearObject: () => clearObject(),

  chooseObject: (_, key) => objects.chooseByPlace(Number(key)),
  stepObject: (/** @type {number} */ by) => objects.stepObject(by),
  addObject: () => objects.newObject(),
  renameObject: () => objects.rename(),
  toggleObject: () => objects.toggleVisible(),
  toggleOthers: () => objects.toggleOthers(),
  toggleLock: () => objects.toggleLock(),

  step: (/** @type {number} */ frames) => step(frames),
  goToEnd: (/** @type {number} */ which) => goTo(which < 0 ? 0 : count() - 1),
  goToMark: (/** @type {number} */ direction) => goToMark(direction),
  goToCheck: (/** @type {number} */ direction) => goToCheck(direction),
  playOrPan: (_, __, isDown) => {
    const hasPanned = holdPan(isDown);
    if (!isDown && !hasPanned) togglePlay();
  },
  shuttle: (/** @type {number} */ direction) => shuttle(direction),
  setIn: () => setEnd("in"),
  setOut: () => setEnd("out"),
  clearRange: () => change({ range: null }),

  run: (/** @type {Direction} */ direction) => run(direction),
  cancel: () => cancelDrawing() || cancel(),

  fit: () => view.fit(),
  actualSize: () => view.actualSize(),
  zoom: (/** @type {number} */ steps) => view.zoom(ZOOM ** steps),
  pan: (/** @type {number[]} */ [x, y]) => view.pan(x * PAN, y * PAN),
  nextView: () => nextView(),
  hide: (_, __, isDown) => change({ isHidden: isDown }),
  onion: (_, __, isDown) => change({ isOnion: isDown }),
  help: () => showSheet(),
};
