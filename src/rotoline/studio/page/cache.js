/** A window of things that belong to frames: loaded in order of need, dropped when far away. */

/**
 * @template T
 */
export class FrameCache {
  /** @type {Map<number, T>} */
  #held = new Map();
  /** @type {Map<number, AbortController>} */
  #loading = new Map();
  /** @type {number[]} */
  #wanted = [];

  /**
   * @param {object} options
   * @param {(frame: number, signal: AbortSignal) => Promise<T>} options.load
   * @param {(value: T, frame: number) => boolean} options.isFresh
   * @param {(value: T) => void} [options.free]
   * @param {(frame: number) => void} options.onLoad
   * @param {(error: Error) => void} options.onError
   * @param {number} [options.parallel] requests at a time
   */
  constructor({ load, isFresh, free = () => {}, onLoad, onError, parallel = 2 }) {
    this.load = load;
    this.isFresh = isFresh;
    this.free = free;
    this.onLoad = onLoad;
    this.onError = onError;
    this.parallel = parallel;
    /** How many frames are held. */
    this.capacity = 48;
  }

  /**
   * What is held of a frame, possibly older than the server's.
   * @param {number} frame
   */
  get(frame) {
    return this.#held.get(frame);
  }

  /**
   * Whether the newest is held.
   * @param {number} frame
   */
  has(frame) {
    const value = this.#held.get(frame);
    return value !== undefined && this.isFresh(value, frame);
  }

  /**
   * Keeps a value that came another way.
   * @param {number} frame
   * @param {T} value
   */
  put(frame, value) {
    const old = this.#held.get(frame);
    if (old !== undefined && old !== value) this.free(old);
    this.#held.set(frame, value);
  }

  /**
   * Says which frames are needed, most urgent first; the others are no longer loaded.
   * @param {number[]} frames
   */
  want(frames) {
    this.#wanted = frames.slice(0, this.capacity);
    const wanted = new Set(this.#wanted);
    for (const [frame, controller] of this.#loading) if (!wanted.has(frame)) controller.abort();
    this.#drop(wanted);
    this.#loadNext();
  }

  clear() {
    for (const controller of this.#loading.values()) controller.abort();
    for (const value of this.#held.values()) this.free(value);
    this.#held.clear();
  }

  /** @param {Set<number>} wanted */
  #drop(wanted) {
    const centre = this.#wanted[0] ?? 0;
    const far = [...this.#held.keys()].filter((frame) => !wanted.has(frame));
    far.sort((a, b) => Math.abs(b - centre) - Math.abs(a - centre));
    for (const frame of far.slice(0, Math.max(0, this.#held.size - this.capacity))) {
      this.free(/** @type {T} */ (this.#held.get(frame)));
      this.#held.delete(frame);
    }
  }

  #loadNext() {
    for (const frame of this.#wanted) {
      if (this.#loading.size >= this.parallel) return;
      if (!this.has(frame) && !this.#loading.has(frame)) this.#start(frame);
    }
  }

  /** @param {number} frame */
  async #start(frame) {
    const controller = new AbortController();
    this.#loading.set(frame, controller);
    try {
      const value = await this.load(frame, controller.signal);
      if (controller.signal.aborted) this.free(value);
      else this.put(frame, value);
    } catch (error) {
      if (controller.signal.aborted) return;
      // Loaded again when it is wanted again: by the next step, or when the connection returns.
      this.#wanted = this.#wanted.filter((one) => one !== frame);
      this.onError(/** @type {Error} */ (error));
      return;
    } finally {
      this.#loading.delete(frame);
      this.#loadNext();
    }
    if (!controller.signal.aborted) this.onLoad(frame);
  }
}
