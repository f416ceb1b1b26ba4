/** What the page knows now, in one place; everything else draws it or changes it. */

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./types.js").FrameDetails} FrameDetails */
/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").ToolName} ToolName */
/** @typedef {import("./types.js").ViewMode} ViewMode */
/** @typedef {import("./types.js").Check} Check */
/** @typedef {import("./types.js").VideoObject} VideoObject */
/** @typedef {import("./types.js").Mark} Mark */

export const state = {
  /** @type {Project|null} */
  project: null,
  /**
   * Confidence and visibility by object: 0 no result, 1 hidden, 2 to 255 visible.
   * @type {Map<number, Uint8Array>}
   */
  lanes: new Map(),
  /** After a reload, the same one as before; see `keepPlace`. */
  frame: Math.trunc(Math.abs(Number(location.hash.slice(1)))) || 0,
  /**
   * The chosen object.
   * @type {number|null}
   */
  object: null,
  /** @type {ToolName} */
  tool: "stroke",
  isObject: true,
  /**
   * Of the tools that have a width, in frame pixels.
   * @type {Record<string, number>}
   */
  radius: { stroke: 3, brush: 6, eraser: 6 },
  /** @type {ViewMode} */
  view: "overlay",
  isOnion: false,
  isHidden: false,
  /** Frames for each frame of the clip's own speed; 0 while paused, negative backwards. */
  speed: 0,
  /**
   * Part that is played, first and last frame.
   * @type {[number, number]|null}
   */
  range: null,
  /**
   * Strokes and accepted masks of the shown frame.
   * @type {FrameDetails|null}
   */
  details: null,
  /** @type {number|null} */
  selectedStroke: null,
  /** Answers that have not come yet. */
  waiting: 0,
  /** @type {Job|null} */
  job: null,
  /** @type {Check[]} */
  checks: [],
  /** @type {"connecting"|"open"|"lost"|"refused"|"closed"} */
  connection: "connecting",
};

/** @typedef {keyof typeof state} Key */

/** @type {{keys: Set<Key>, tell: () => void}[]} */
const watchers = [];

/**
 * Changes some values and tells those who watch them.
 * @param {Partial<typeof state>} values
 */
export function change(values) {
  const keys = /** @type {Key[]} */ (Object.keys(values)).filter((key) => state[key] !== values[key]);
  Object.assign(state, values);
  for (const watcher of watchers) {
    if (keys.some((key) => watcher.keys.has(key))) watcher.tell();
  }
}

/**
 * Calls once now, and again whenever one of these values was replaced.
 * @param {Key[]} keys
 * @param {() => void} tell
 */
export function watch(keys, tell) {
  watchers.push({ keys: new Set(keys), tell });
  tell();
}

/** Number of frames; 0 until the project is there. */
export const count = () => state.project?.count ?? 0;

/**
 * The chosen object.
 * @returns {VideoObject|null}
 */
export const chosen = () => state.project?.objects.find((one) => one.id === state.object) ?? null;

/** Whether nothing may be changed. */
export const isReadOnly = () => !state.project || state.project.is_read_only;

/**
 * @param {number} id
 * @returns {Mark[]}
 */
export const marksOf = (id) => state.project?.marks[String(id)] ?? [];

/**
 * Adds a mark before the server confirms it, so that tracking may follow at once.
 * @param {number} id
 * @param {number} frame
 */
export function noteMark(id, frame) {
  const { project } = state;
  if (!project || marksOf(id).some((mark) => mark.frame === frame)) return;
  const marks = { ...project.marks, [String(id)]: [...marksOf(id), { frame, is_accepted: false }] };
  change({ project: { ...project, marks } });
}

/**
 * Objects that have a mark in a frame.
 * @param {number} frame
 * @returns {number[]}
 */
export function markedIn(frame) {
  return (state.project?.objects ?? [])
    .filter((one) => marksOf(one.id).some((mark) => mark.frame === frame))
    .map((one) => one.id);
}

/**
 * Whether a frame has masks to show.
 * @param {number} frame
 */
export function hasMask(frame) {
  for (const lane of state.lanes.values()) if (lane[frame] > 0) return true;
  return markedIn(frame).length > 0;
}
