/**
 * What the page and the server say to each other, and what the page keeps. Types only.
 *
 * Points are x, y in frame pixels: the top left corner of the frame is (0, 0), the centre of its
 * first pixel is (.5, .5).
 *
 * @typedef {"stroke"|"box"|"polygon"|"brush"|"eraser"} ToolName
 * @typedef {"forwards"|"backwards"|"both"|"to the next mark"} Direction
 * @typedef {"overlay"|"outline"|"cutout"|"matte"} ViewMode
 * @typedef {[number, number]} Point
 *
 * @typedef {object} Stroke
 * @property {number} [id] given by the server
 * @property {number} object
 * @property {ToolName} tool
 * @property {boolean} is_object false: "not the object"
 * @property {number} radius in frame pixels; 0.5 is one pixel wide
 * @property {Point[]} points
 *
 * @typedef {object} VideoObject
 * @property {number} id
 * @property {string} name
 * @property {string|null} colour as #rrggbb, null: the page chooses
 * @property {boolean} is_visible
 * @property {boolean} is_locked
 *
 * @typedef {{frame: number, is_accepted: boolean}} Mark
 *
 * @typedef {object} Job
 * @property {number} id
 * @property {string} text
 * @property {"waiting"|"running"|"done"|"cancelled"|"failed"} status
 * @property {number} done
 * @property {number} total
 * @property {string} message
 *
 * @typedef {object} Project
 * @property {string} name
 * @property {string} path
 * @property {{name: string, is_found: boolean, problem?: string|null}} source
 * @property {[number, number]} size height, width
 * @property {number} count of frames
 * @property {number} frame_rate frames a second
 * @property {string} key of the addresses of frames
 * @property {boolean} is_read_only
 * @property {string|null} [read_only_because]
 * @property {VideoObject[]} objects
 * @property {Record<string, Mark[]>} marks by object
 * @property {Record<string, string>} lanes by object, base64 of one byte a frame
 * @property {number} revisions the newest revision
 * @property {string|null} undo what undo would take back
 * @property {string|null} redo
 * @property {Job|null} job
 * @property {number} looked_at
 * @property {number} corrected
 *
 * @typedef {object} FrameDetails
 * @property {number} frame
 * @property {string} name
 * @property {Stroke[]} strokes
 * @property {number[]} accepted objects
 * @property {"result"|"accepted"|"hints"|"none"} kind
 * @property {number} revision
 *
 * @typedef {{revision: number, ids: Uint8Array}} Mask ids of a frame, row by row
 * @typedef {{frame: number, text: string, object: number|null, is_found: boolean}} Check object: the one that it is about most; is_found: whether something was found in it
 * @typedef {{name: string, title: string, target: string, extra_missing: string|null}} Format extra_missing: why it cannot be written here
 *
 * @typedef {object} KeyEntry
 * @property {string} group
 * @property {string[]} keys
 * @property {string} [shown] in place of the keys
 * @property {string} does
 * @property {string} command
 * @property {any} [value]
 * @property {boolean} [hold] the command hears of the release as well
 *
 * @typedef {object} KeyTable
 * @property {string[]} groups
 * @property {KeyEntry[]} keys
 * @property {{group: string, shown: string, does: string}[]} pointer
 */
export {};
