/** The timeline: ruler, filmstrip, lanes and the place that is shown. */

import { byId, colourOf, keepSharp, oncePerPicture } from "./dom.js";
import { makeFilmstrip, STRIP } from "./filmstrip.js";
import { drawLanes, drawScale, LANE, xOf } from "./lanes.js";
import { goTo } from "./navigation.js";
import { change, count, state, watch } from "./state.js";

/** @typedef {import("./lanes.js").Axis} Axis */

const RULER = 20;
const HEAD = RULER + STRIP + 6;
const LEFT = 150;
const RIGHT = 14;
const FEWEST = 20;
const MOST_LANES = 5;

const box = byId("timeline", HTMLDivElement);
const canvas = byId("tracks", HTMLCanvasElement);
const cover = byId("playhead", HTMLCanvasElement);
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
const top = /** @type {CanvasRenderingContext2D} */ (cover.getContext("2d"));

/** Frames that are in sight. */
let begin = 0;
let end = 1;
let scrolled = 0;
/** @type {number|null} */
let hovered = null;

const draw = oncePerPicture(drawTracks);
const drawTop = oncePerPicture(drawPlayhead);
const filmstrip = makeFilmstrip(draw);

/** @returns {Axis} */
function axis() {
  return { begin, end, left: LEFT, width: Math.max(1, canvas.clientWidth - LEFT - RIGHT) };
}

/** @param {CanvasRenderingContext2D} target */
function prepare(target) {
  target.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  target.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  target.font = `12px ${getComputedStyle(document.body).fontFamily}`;
}

function drawTracks() {
  prepare(context);
  if (!state.project) return;
  const now = axis();
  drawRuler(now);
  filmstrip.draw(context, now, RULER);
  context.save();
  context.beginPath();
  context.rect(0, HEAD, canvas.clientWidth, canvas.clientHeight - HEAD);
  context.clip();
  context.translate(0, HEAD);
  drawLanes(context, now, scrolled, canvas.clientHeight - HEAD);
  context.restore();
  if (state.project.objects.length === 0) {
    context.fillStyle = colourOf("--text-2");
    context.textBaseline = "middle";
    context.fillText("Each object that you mark gets a lane here.", LEFT, HEAD + LANE / 2);
  }
  drawTop();
}

/**
 * Numbers at round distances.
 * @param {Axis} now
 */
function drawRuler(now) {
  const least = 70 / (now.width / (now.end - now.begin));
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  const distance = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= least) ?? power * 10;
  context.fillStyle = colourOf("--text-2");
  context.textBaseline = "middle";
  context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  for (let frame = Math.ceil(now.begin / distance) * distance; frame < now.end; frame += distance) {
    const x = xOf(now, frame + 0.5);
    context.fillRect(x, RULER - 4, 1, 4);
    const text = String(frame);
    if (x + 4 + context.measureText(text).width < now.left + now.width + RIGHT) context.fillText(text, x + 4, RULER / 2);
  }
  context.fillStyle = colourOf("--warn");
  for (const { frame } of state.checks.filter((one) => one.is_found)) {
    const x = xOf(now, frame + 0.5);
    if (x < now.left || x > now.left + now.width) continue;
    context.beginPath();
    context.moveTo(x - 4, RULER - 7);
    context.lineTo(x + 4, RULER - 7);
    context.lineTo(x, RULER);
    context.fill();
  }
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
}

function drawPlayhead() {
  prepare(top);
  if (!state.project) return;
  const now = axis();
  const height = canvas.clientHeight;
  if (state.range) shadeOutside(now, state.range, height);
  const width = Math.max(2, now.width / (now.end - now.begin));
  if (hovered !== null && hovered !== state.frame) {
    top.fillStyle = colourOf("--hover-line");
    top.fillRect(xOf(now, hovered + 0.5), 0, 1, height);
  }
  const x = xOf(now, state.frame + 0.5);
  if (x < LEFT - 1 || x > LEFT + now.width + 1) return;
  top.fillStyle = colourOf("--playhead");
  if (width > 4) {
    top.globalAlpha = 0.15;
    top.fillRect(x - width / 2, RULER, width, height - RULER);
    top.globalAlpha = 1;
  }
  top.fillRect(x - 0.75, RULER - 2, 1.5, height);
  drawFlag(String(state.frame), x, now);
}

/**
 * @param {string} text
 * @param {number} x
 * @param {Axis} now
 */
function drawFlag(text, x, now) {
  const width = top.measureText(text).width + 12;
  const left = Math.min(now.left + now.width + RIGHT - width, Math.max(LEFT - 8, x - width / 2));
  top.beginPath();
  top.roundRect(left, 1, width, RULER - 3, 4);
  top.fill();
  top.fillStyle = colourOf("--on-playhead");
  top.textBaseline = "middle";
  top.fillText(text, left + 6, RULER / 2);
}

/**
 * @param {Axis} now
 * @param {[number, number]} range
 * @param {number} height
 */
function shadeOutside(now, [first, last], height) {
  top.fillStyle = colourOf("--shade");
  const [left, right] = [xOf(now, first), xOf(now, last + 1)];
  if (left > LEFT) top.fillRect(LEFT, RULER, left - LEFT, height);
  if (right < LEFT + now.width) top.fillRect(right, RULER, LEFT + now.width - right, height);
}

/** @param {MouseEvent} event */
function frameAt(event) {
  const now = axis();
  const x = event.clientX - canvas.getBoundingClientRect().left;
  return Math.floor(now.begin + ((x - now.left) / now.width) * (now.end - now.begin));
}

/** @param {PointerEvent} event */
function press(event) {
  if (event.button !== 0) return;
  const y = event.clientY - canvas.getBoundingClientRect().top;
  const place = Math.floor((y - HEAD + scrolled) / LANE);
  const object = y > HEAD ? state.project?.objects[place] : undefined;
  if (object) change({ object: object.id });
  if (event.clientX - canvas.getBoundingClientRect().left < LEFT - 4) return;
  box.setPointerCapture(event.pointerId);
  change({ speed: 0 });
  goTo(frameAt(event));
}

/** @param {PointerEvent} event */
function move(event) {
  hovered = Math.min(count() - 1, Math.max(0, frameAt(event)));
  if (box.hasPointerCapture(event.pointerId)) goTo(hovered);
  drawTop();
}

/**
 * Shows frames from one to another.
 * @param {number} from
 * @param {number} to
 */
function show(from, to) {
  const length = Math.min(count(), Math.max(FEWEST, to - from));
  begin = Math.max(0, Math.min(from, count() - length));
  end = begin + length;
  draw();
}

/** @param {WheelEvent} event */
function wheel(event) {
  event.preventDefault();
  const length = end - begin;
  const isZoom = event.ctrlKey || (event.deltaX === 0 && Math.abs(event.deltaY) >= 50 && !event.shiftKey);
  const y = event.clientY - canvas.getBoundingClientRect().top;
  if (y > HEAD && hiddenLanes() > 0 && !event.ctrlKey) {
    scrolled = Math.min(hiddenLanes(), Math.max(0, scrolled + event.deltaY));
    draw();
  } else if (isZoom) {
    const factor = Math.exp(Math.sign(event.deltaY) * Math.min(0.25, Math.abs(event.deltaY) * 0.01));
    const centre = Math.min(end, Math.max(begin, frameAt(event)));
    show(centre - (centre - begin) * factor, centre + (end - centre) * factor);
  } else {
    const by = ((event.deltaX || event.deltaY) / axis().width) * length;
    show(begin + by, end + by);
  }
}

/** Pixels of lanes that do not fit. */
function hiddenLanes() {
  return Math.max(0, (state.project?.objects.length ?? 0) * LANE - (canvas.clientHeight - HEAD));
}

/** Keeps the shown frame and the chosen lane in sight. */
function follow() {
  const { frame } = state;
  const length = end - begin;
  if (frame < begin || frame >= end) show(frame - length / 2, frame + length / 2);
  const place = state.project?.objects.findIndex((one) => one.id === state.object) ?? -1;
  const room = canvas.clientHeight - HEAD;
  if (place >= 0) scrolled = Math.min(place * LANE, Math.max(scrolled, (place + 1) * LANE - room));
  scrolled = Math.min(hiddenLanes(), Math.max(0, scrolled));
}

/** What a screen reader says of the timeline. */
function describe() {
  const check = state.checks.find((one) => one.frame === state.frame);
  box.setAttribute("aria-valuemax", String(Math.max(0, count() - 1)));
  box.setAttribute("aria-valuenow", String(state.frame));
  box.setAttribute("aria-valuetext", `frame ${state.frame}${check ? `, to check: ${check.text}` : ""}`);
}

/** Draws and listens; called once. */
export function startTimeline() {
  keepSharp(canvas, drawTracks);
  keepSharp(cover, drawPlayhead);
  box.addEventListener("pointerdown", press);
  box.addEventListener("pointermove", move);
  box.addEventListener("pointerleave", () => {
    hovered = null;
    drawTop();
  });
  box.addEventListener("wheel", wheel, { passive: false });
  drawScale(byId("scale", HTMLCanvasElement));
  let known = 0;
  watch(["project"], () => {
    const lanes = Math.min(MOST_LANES, Math.max(2, state.project?.objects.length ?? 0));
    box.style.height = `${HEAD + lanes * LANE + 6}px`;
    if (count() !== known) show(0, (known = count()));
  });
  watch(["frame", "object"], follow);
  watch(["project", "lanes", "checks", "object"], draw);
  watch(["frame", "range"], drawTop);
  watch(["frame", "project", "checks"], describe);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
