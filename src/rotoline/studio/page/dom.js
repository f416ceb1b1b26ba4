/** Finding and making elements. */

/**
 * The element with an id, which must be of this type.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`no ${type.name} #${id}`);
  return element;
}

/** @param {string} id */
export const button = (id) => byId(id, HTMLButtonElement);

/**
 * Makes an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string|boolean>} [attributes] true: without a value, false: left out
 * @param {(Node|string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/**
 * An icon of icons.svg.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/**
 * Another icon in an element that has one.
 * @param {Element} element
 * @param {string} name
 */
export const setIcon = (element, name) =>
  element.querySelector("use")?.setAttribute("href", `/static/icons.svg#${name}`);

/**
 * Calls once before the next picture, however often it is asked.
 * @param {() => void} draw
 * @returns {() => void}
 */
export function oncePerPicture(draw) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  };
}

/**
 * Pixels of the screen for a length in CSS pixels. The browser knows how it rounded; where it
 * simulates another screen, it gives that of the real one.
 * @param {number} length
 * @param {number|undefined} told
 */
function exact(length, told) {
  const computed = length * devicePixelRatio;
  return told !== undefined && Math.abs(told - computed) <= 1 ? told : Math.round(computed);
}

/**
 * Makes a canvas as fine as the screen, and keeps it so.
 * @param {HTMLCanvasElement} canvas
 * @param {() => void} draw called after each change of size
 */
export function keepSharp(canvas, draw) {
  const observer = new ResizeObserver(([entry]) => {
    const box = entry.devicePixelContentBoxSize?.[0];
    canvas.width = exact(entry.contentRect.width, box?.inlineSize);
    canvas.height = exact(entry.contentRect.height, box?.blockSize);
    draw();
  });
  try {
    observer.observe(canvas, { box: "device-pixel-content-box" });
  } catch {
    observer.observe(canvas); // Safari has no device-pixel-content-box
  }
}

/**
 * A colour of the style sheet.
 * @param {string} name
 */
export const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
