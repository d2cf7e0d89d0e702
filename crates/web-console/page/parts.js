// @ts-check
// What views are made of. Text becomes text nodes, so that no file's name is ever read as markup.

/** The states of an upload, in their order. */
export const STATES = ['QUEUED', 'SUBMITTED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'REJECTED', 'UNSUPPORTED', 'CANCELLED'];

/**
 * An element. @param {string} name @param {Record<string, any>} [attributes] @param {...any} children
 * @returns {HTMLElement & any}
 */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key in node && typeof value !== 'string') /** @type {any} */ (node)[key] = value;
    else node.setAttribute(key, String(value === true ? '' : value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An SVG element. @param {string} name @param {Record<string, any>} [attributes] @param {...any} children */
export function drawn(name, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
}

/** The media type of a result, without parameters. @param {any} output */
export const typeOf = (output) => output.made?.contentType?.split(';')[0] ?? '';

/** The last part of a result's key. @param {any} output */
export const nameOf = (output) => output.key.split('/').pop();

/** @param {number} bytes */
export function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return `${unit === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

/** US dollars, small sums to two digits that count. @param {number} amount */
export const dollars = (amount) => `${amount === 0 || amount >= 0.1 ? amount.toFixed(2) : Number(amount.toPrecision(2))} USD`;

/** @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time as people here write it. @param {string | undefined | null} text */
export function time(text) {
  if (!text) return '';
  return element('time', { datetime: text, title: text }, new Date(text).toLocaleString());
}

/** @param {string} state */
export const stateOf = (state) => element('span', { class: `state ${state}` }, state.toLowerCase());

let clearing = 0;
/** A word that is also read aloud. @param {string} text */
export function say(text) {
  const status = /** @type {HTMLElement} */ (document.getElementById('status'));
  status.textContent = text;
  clearTimeout(clearing);
  clearing = setTimeout(() => { status.textContent = ''; }, 6000);
}

/** A button that says what went wrong. @param {string} label @param {() => Promise<any>} work @param {string} [kind] */
export function button(label, work, kind = '') {
  const node = element('button', { type: 'button', class: kind, onclick: async () => {
    node.disabled = true;
    try { await work(); } catch (error) { say(String(/** @type {Error} */ (error).message)); }
    node.disabled = false;
  } }, label);
  return node;
}
