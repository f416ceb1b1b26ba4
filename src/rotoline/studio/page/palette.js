/** Colours of objects in the view; files keep the palette of DAVIS. */

import { state } from "./state.js";

/**
 * Okabe and Ito's colours, which people with any kind of colour vision can tell apart; their black
 * is grey here, because most frames have black areas.
 */
export const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999"];

/** @param {number} id */
export function objectColour(id) {
  const objects = state.project?.objects ?? [];
  const place = objects.findIndex((one) => one.id === id);
  return objects[place]?.colour ?? COLOURS[Math.max(0, place) % COLOURS.length];
}

/**
 * @param {string} colour as #rrggbb
 * @returns {[number, number, number]}
 */
export function channels(colour) {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/**
 * Whether dark text is read better on a colour than white text.
 * @param {string} colour
 */
export function isLight(colour) {
  const [red, green, blue] = channels(colour);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140;
}

/**
 * From orange for doubtful to blue for sure, through a pale grey: told apart with any colour vision.
 * @param {number} confidence from 0 to 1
 */
export function confidenceColour(confidence) {
  const stops = [[213, 94, 0], [240, 180, 90], [170, 190, 205], [70, 140, 200], [0, 100, 180]];
  // Almost all confidences lie above .5; below, all is equally worth a look.
  const place = Math.min(1, Math.max(0, (confidence - 0.5) / 0.5)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  const mixed = stops[low].map((value, i) => Math.round(value + (stops[low + 1][i] - value) * (place - low)));
  return `rgb(${mixed.join(" ")})`;
}
