/** The project as the server knows it: fetched once, kept up to date by its events. */

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").Project} Project */

import { getProject, ServerError } from "./api.js";
import { loadChecks } from "./checks.js";
import { noteRevisions, reload } from "./frames.js";
import { banner, report, say } from "./messages.js";
import { change, state } from "./state.js";

/** @typedef {{frame: number, revision: number, lane: Record<string, number>}} Changed */

const RETRY_SECONDS = 2;
/** Lanes are told together, not one frame at a time. */
const LANE_MILLISECONDS = 100;

/**
 * @param {string} text base64
 * @returns {Uint8Array}
 */
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** @param {Project} project */
function take(project) {
  const ids = project.objects.map((one) => one.id);
  const lanes = new Map(
    ids.map((id) => [id, project.lanes[id] ? bytes(project.lanes[id]) : new Uint8Array(project.count)]),
  );
  const object = state.object !== null && ids.includes(state.object) ? state.object : (ids[0] ?? null);
  const frame = Math.min(state.frame, Math.max(0, project.count - 1));
  change({ project, lanes, object, frame, job: project.job });
  document.title = `${project.name} – rotoline studio`;
  banner(
    "source",
    project.source.is_found
      ? null
      : (project.source.problem ?? `The clip ${project.source.name} is no longer where it was.`),
  );
  banner(
    "read-only",
    project.is_read_only ? (project.read_only_because ?? "This project can be looked at, but not changed.") : null,
  );
}

/** @type {Promise<void>|null} */
let loading = null;
let isStale = false;

/** Fetches the project; several calls at a time are answered by one more request. */
export async function loadProject() {
  isStale = true;
  loading ??= (async () => {
    try {
      while (isStale) {
        isStale = false;
        take(await getProject());
      }
    } catch (error) {
      if (!(error instanceof ServerError && error.status === 0)) report(error);
    } finally {
      loading = null;
    }
  })();
  return loading;
}

/** @type {ReturnType<typeof setTimeout>|undefined} */
let laneTimer;

/** @param {Changed[]} frames */
function takeFrames(frames) {
  for (const { frame, lane } of frames) {
    for (const [id, value] of Object.entries(lane ?? {})) {
      const known = state.lanes.get(Number(id));
      if (known) known[frame] = value;
    }
  }
  noteRevisions(frames);
  laneTimer ??= setTimeout(() => {
    laneTimer = undefined;
    change({ lanes: new Map(state.lanes) });
  }, LANE_MILLISECONDS);
}

/** @param {Job} job */
function takeJob(job) {
  change({ job });
  if (job.status === "failed") say(job.message, "error");
  else if (job.status === "cancelled") say(`${job.text}: cancelled. What was done stays.`);
  else if (job.status === "done" && job.message) say(job.message);
  if (job.status !== "running" && job.status !== "waiting") loadProject();
}

/** Listens to the server; called once, and again when the stream was refused. */
export function listen() {
  const events = new EventSource("/api/events");
  /**
   * @param {string} name
   * @param {(data: any) => void} take
   */
  const on = (name, take) =>
    events.addEventListener(name, (event) => take(JSON.parse(/** @type {MessageEvent} */ (event).data || "{}")));
  events.addEventListener("open", () => {
    const wasLost = state.connection === "lost";
    change({ connection: "open" });
    banner("connection", null);
    // Fetched after the stream is open, so that no change falls between the two.
    loadProject().then(() => wasLost && reload(false));
  });
  on("project", loadProject);
  on("frames", (data) => takeFrames(data.frames));
  on("job", takeJob);
  on("problem", (data) => say(data.error, "error"));
  // A ranking is begun when it is asked for, and told when it is there.
  on("check", loadChecks);
  on("closed", () => {
    events.close();
    change({ connection: "closed" });
    banner("connection", "The studio was closed. Everything that was drawn is kept.");
    setTimeout(listen, RETRY_SECONDS * 1000);
  });
  events.addEventListener("error", () => lose(events));
}

/** @param {EventSource} events */
async function lose(events) {
  if (state.connection !== "closed" && state.connection !== "refused") {
    change({ connection: "lost" });
    banner("connection", "The connection to the studio is lost. Trying again…");
  }
  if (events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
  try {
    await getProject();
  } catch (error) {
    if (error instanceof ServerError && error.status !== 0) {
      change({ connection: "refused" });
      banner("connection", `${error.message} Open the address that the command printed.`);
    }
  }
  setTimeout(listen, RETRY_SECONDS * 1000);
}
