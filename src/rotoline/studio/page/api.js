/** Requests to the server. Errors carry the text that the command would print. */

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./types.js").FrameDetails} FrameDetails */
/** @typedef {import("./types.js").Mask} Mask */
/** @typedef {import("./types.js").Stroke} Stroke */
/** @typedef {import("./types.js").VideoObject} VideoObject */
/** @typedef {import("./types.js").Direction} Direction */
/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").Check} Check */
/** @typedef {import("./types.js").Format} Format */

export class ServerError extends Error {
  /**
   * @param {string} text
   * @param {number} status 0: no answer
   */
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

/** A newer stroke of the same frame waits; its answer holds this one too. */
export class Superseded extends Error {}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 */
async function ask(method, path, body, signal) {
  /** @type {Record<string, string>} */
  const headers = method === "GET" ? {} : { "X-Rotoline": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const text = body === undefined ? undefined : JSON.stringify(body);
  let response;
  try {
    // What a person does goes before pictures and masks: a browser has six connections to a server.
    const priority = method === "GET" ? "auto" : "high";
    response = await fetch(path, { method, headers, body: text, signal, priority });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServerError("The studio does not answer. Is its command still running?", 0);
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  if (problem.superseded) throw new Superseded();
  throw new ServerError(problem.error ?? `The studio answered ${response.status}.`, response.status);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 */
const askJson = async (method, path, body) => (await ask(method, path, body)).json();

/**
 * @param {Response} response
 * @returns {Promise<Mask>}
 */
const readMask = async (response) => ({
  revision: Number(response.headers.get("X-Revision")),
  ids: new Uint8Array(await response.arrayBuffer()),
});

/** @returns {Promise<Project>} */
export const getProject = () => askJson("GET", "/api/project");

/**
 * @param {number} frame
 * @returns {Promise<FrameDetails>}
 */
export const getFrame = (frame) => askJson("GET", `/api/frames/${frame}`);

/**
 * Address of a frame as JPEG.
 * @param {string} key
 * @param {number} frame
 * @param {number|null} width null: full size
 */
export const frameAddress = (key, frame, width) =>
  `/frames/${key}/${frame}.jpg${width === null ? "" : `?w=${width}`}`;

/**
 * @param {string} address
 * @param {AbortSignal} signal
 * @returns {Promise<ImageBitmap>}
 */
export async function getPicture(address, signal) {
  const response = await ask("GET", address, undefined, signal);
  return createImageBitmap(await response.blob());
}

/**
 * @param {number} frame
 * @param {number} revision
 * @param {AbortSignal} signal
 */
export const getMask = async (frame, revision, signal) =>
  readMask(await ask("GET", `/masks/${frame}?r=${revision}`, undefined, signal));

/**
 * @param {number} frame
 * @param {Stroke} stroke
 * @returns {Promise<{mask: Mask, id: number}>}
 */
export async function addStroke(frame, stroke) {
  const response = await ask("POST", `/api/frames/${frame}/strokes`, stroke);
  return { id: Number(response.headers.get("X-Stroke")), mask: await readMask(response) };
}

/**
 * @param {number} frame
 * @param {number} id
 */
export const removeStroke = async (frame, id) =>
  readMask(await ask("DELETE", `/api/frames/${frame}/strokes/${id}`));

/**
 * @param {number} frame
 * @param {number} object
 */
export const clearObject = async (frame, object) =>
  readMask(await ask("POST", `/api/frames/${frame}/clear`, { object }));

/** @param {number} frame */
export const accept = (frame) => ask("POST", `/api/frames/${frame}/accept`, {});

/** @param {number} frame */
export const looked = (frame) => ask("POST", `/api/frames/${frame}/looked`);

/**
 * @param {"undo"|"redo"} which
 * @returns {Promise<{frame: number|null, text: string}>}
 */
export const goBack = (which) => askJson("POST", `/api/${which}`);

/**
 * @param {Partial<VideoObject>} values
 * @returns {Promise<{id: number}>}
 */
export const addObject = (values) => askJson("POST", "/api/objects", values);

/**
 * @param {number} id
 * @param {Partial<VideoObject>} values
 */
export const changeObject = (id, values) => ask("PATCH", `/api/objects/${id}`, values);

/** @param {number} id */
export const removeObject = (id) => ask("DELETE", `/api/objects/${id}`);

/**
 * @param {Direction} direction
 * @param {number} frame
 * @param {number[]|null} objects
 * @returns {Promise<Job>}
 */
export const startJob = (direction, frame, objects) => askJson("POST", "/api/jobs", { direction, frame, objects });

export const cancelJob = () => ask("DELETE", "/api/jobs");

/** @returns {Promise<{frames: Check[]}>} */
export const getChecks = () => askJson("GET", "/api/check");

/** @returns {Promise<Format[]>} */
export const getFormats = () => askJson("GET", "/api/formats");

/**
 * @param {string[]} formats
 * @returns {Promise<Job>}
 */
export const startExport = (formats) => askJson("POST", "/api/exports", { formats });

export const openFolder = () => ask("POST", "/api/open-folder");

/**
 * @param {string} format
 * @param {number} frame
 */
export const previewAddress = (format, frame) =>
  `/api/exports/preview?format=${encodeURIComponent(format)}&frame=${frame}`;
