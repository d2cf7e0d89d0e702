// @ts-check
// A document's pages beside their text: words and tables of text.json, over the page as pdf.js draws it.

import { resultUrl, uploadUrl } from './api.js';
import { drawn, element, nameOf } from './parts.js';

/** A larger text.json is left to be saved: a browser would stand still over it. */
const MOST_BYTES = 24_000_000;
const SHOWN_BY_BROWSERS = new Set(['jpeg', 'png', 'gif', 'webp', 'avif', 'bmp']);

/** @type {Promise<any> | undefined} */
let library;
const pdf = () => (library ??= import('./vendor/pdf.min.mjs').then((module) => {
  module.GlobalWorkerOptions.workerSrc = '/vendor/pdf.worker.min.mjs';
  return module;
}));

/** The words of a line that has places. @param {any} line @param {any[]} marks */
function words(line, marks) {
  if (line.words?.length > 0) {
    return line.words.flatMap((/** @type {any} */ word) => [marked(word.text, word.bounds, marks, word.confidence), ' ']);
  }
  return [marked(line.text, line.bounds, marks), ' '];
}

/** Text that is shown on the page when it is pointed at. @param {string} text @param {number[]} bounds @param {any[]} marks @param {number} [confidence] */
function marked(text, bounds, marks, confidence) {
  const word = element('span', { class: 'word', ...(confidence !== undefined && { title: `${Math.round(confidence * 100)} % sure` }) }, text);
  const [left, top, right, bottom] = bounds;
  const box = drawn('rect', { x: left, y: top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) });
  const light = (/** @type {boolean} */ on) => { word.classList.toggle('lit', on); box.classList.toggle('lit', on); };
  for (const node of [word, box]) {
    node.addEventListener('pointerenter', () => light(true));
    node.addEventListener('pointerleave', () => light(false));
  }
  box.addEventListener('click', () => word.scrollIntoView({ block: 'nearest' }));
  marks.push({ word, box, text: text.toLowerCase() });
  return word;
}

/** A table of cells. @param {Map<string, any[]>} cells @param {any[]} spans */
function grid(cells, spans) {
  const places = [...cells.keys()].map((place) => place.split(' ').map(Number));
  const rows = Math.max(...places.map(([row]) => row)) + 1;
  const columns = Math.max(...places.map(([, column]) => column)) + 1;
  const covered = new Set(spans.flatMap((span) => Array.from({ length: span.rows * span.columns }, (_, at) => `${span.row + Math.floor(at / span.columns)} ${span.column + at % span.columns}`)
    .filter((place) => place !== `${span.row} ${span.column}`)));
  const body = Array.from({ length: rows }, (_, row) => element('tr', {}, Array.from({ length: columns }, (__, column) => {
    const place = `${row} ${column}`;
    if (covered.has(place)) return null;
    const span = spans.find((each) => each.row === row && each.column === column);
    return element('td', { ...(span && { rowSpan: span.rows, colSpan: span.columns }) }, cells.get(place) ?? []);
  })));
  return element('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Table' }, element('table', { class: 'grid' }, element('tbody', {}, body)));
}

/** A block of a page or of a section. @param {any} block @param {any[]} marks @param {number} level that of its heading */
function blockOf(block, marks, level) {
  const text = block.lines?.length > 0 ? block.lines.flatMap((/** @type {any} */ line) => words(line, marks)) : [block.text ?? ''];
  switch (block.type) {
    case 'heading': return element('p', { class: 'heading', role: 'heading', 'aria-level': level }, text);
    case 'list-item': return element('p', { class: 'item' }, block.lines?.length > 0 ? '' : `${block.marker ?? '•'} `, text);
    case 'code': return element('pre', { tabindex: 0 }, block.lines?.length > 0 ? block.lines.flatMap((/** @type {any} */ line) => [...words(line, marks), '\n']) : text);
    case 'table': {
      /** @type {Map<string, any[]>} */
      const cells = new Map();
      for (const line of block.lines ?? []) {
        const place = `${line.row ?? 0} ${line.column ?? 0}`;
        cells.set(place, [...(cells.get(place) ?? []), ...words(line, marks)]);
      }
      (block.rows ?? []).forEach((/** @type {string[]} */ row, /** @type {number} */ at) => row.forEach((cell, column) => cells.set(`${at} ${column}`, [cell])));
      return cells.size > 0 ? grid(cells, block.spans ?? []) : element('p', {}, text);
    }
    default: return element('p', { class: ['header', 'footer', 'footnote', 'endnote', 'comment'].includes(block.type) ? 'quiet' : '' }, text);
  }
}

/** The blocks of a page. Headings come below the section's own, and none skips a level: a page may begin in the midst of a chapter. @param {any[]} blocks @param {any[]} marks */
function blocksOf(blocks, marks) {
  let last = 2;
  return blocks.map((block) => {
    if (block.type === 'heading') last = Math.min((block.level ?? 1) + 2, last + 1, 6);
    return blockOf(block, marks, last);
  });
}

/** Draws a page of a PDF. @param {any} file @param {number} number @param {HTMLCanvasElement} canvas */
async function paint(file, number, canvas) {
  const page = await file.getPage(number);
  const natural = page.getViewport({ scale: 1 });
  const scale = Math.min((canvas.parentElement?.clientWidth || 600) * devicePixelRatio, 2400) / natural.width;
  const viewport = page.getViewport({ scale });
  canvas.width = Math.round(viewport.width);
  canvas.height = Math.round(viewport.height);
  await page.render({ canvas, viewport }).promise;
}

/** Pages beside their text. @param {string} key @param {any} record @param {any[]} outputs @param {boolean} hasSource */
export async function pages(key, record, outputs, hasSource) {
  const output = outputs.find((each) => nameOf(each) === 'text.json' && each.made?.operation === 'text');
  if (!output || (output.made.size ?? 0) > MOST_BYTES) return [];
  const { pages: found } = await (await fetch(resultUrl(output.key))).json();
  if (found.length === 0) return [];
  const isPdf = hasSource && record.format === 'pdf';
  const isPicture = hasSource && SHOWN_BY_BROWSERS.has(record.format);
  const failure = element('p', { class: 'quiet' });
  /** @type {any} */
  let file = null;
  if (isPdf) {
    try {
      const library = await pdf();
      file = await library.getDocument({ url: uploadUrl(key), wasmUrl: '/vendor/', isEvalSupported: false, disableAutoFetch: true, enableXfa: false }).promise;
    } catch (error) {
      failure.textContent = `failed to draw the pages: ${/** @type {Error} */ (error).message}; the text is beside`;
    }
  }
  const sheet = element('div', { class: 'sheet' });
  const text = element('div', { class: 'text', tabindex: 0, role: 'region', 'aria-label': 'Text of the page' });
  const number = element('input', { type: 'number', min: 1, max: found.length, value: '1', 'aria-label': 'Page' });
  const search = element('input', { type: 'search', 'aria-label': 'Find in the document', placeholder: 'find' });
  const told = element('span', { class: 'quiet', role: 'status' });
  let at = 0;
  /** @type {any[]} */
  let marks = [];
  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const { word, box, text: content } of marks) {
      const is = wanted !== '' && content.includes(wanted);
      word.classList.toggle('found', is);
      box.classList.toggle('found', is);
      count += is ? 1 : 0;
    }
    told.textContent = wanted === '' ? '' : `${count} on this page`;
    return count;
  };
  /** @param {number} index */
  const show = async (index) => {
    at = Math.min(Math.max(index, 0), found.length - 1);
    number.value = String(at + 1);
    const page = found[at];
    marks = [];
    text.replaceChildren(...(page.title ? [element('p', { class: 'heading' }, page.title)] : []), ...blocksOf(page.blocks, marks));
    if (page.blocks.length === 0) text.append(element('p', { class: 'quiet' }, page.method === 'ocr-needed' ? 'The page is a picture, whose text was not read.' : 'Nothing is on this page.'));
    if (!file && !isPicture) { sheet.hidden = true; find(); return; }
    const over = drawn('svg', { viewBox: `0 0 ${page.width} ${page.height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${marks.length} words of page ${page.number}` }, ...marks.map(({ box }) => box));
    const under = file ? element('canvas', { role: 'img', 'aria-label': `Page ${page.number}` }) : element('img', { src: uploadUrl(key), alt: key });
    if (file) under.style.aspectRatio = `${page.width} / ${page.height}`;
    sheet.replaceChildren(under, over);
    find();
    if (file) {
      try { await paint(file, page.number, under); } catch (error) { failure.textContent = `failed to draw page ${page.number}: ${/** @type {Error} */ (error).message}`; }
    }
  };
  number.addEventListener('change', () => show(Number(number.value) - 1));
  search.addEventListener('input', find);
  search.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    // The next page on which it is, from the one that is shown.
    const wanted = search.value.trim().toLowerCase();
    const order = found.map((/** @type {any} */ _, /** @type {number} */ step) => (at + 1 + step) % found.length);
    const next = order.find((/** @type {number} */ index) => wanted !== '' && JSON.stringify(found[index].blocks).toLowerCase().includes(wanted));
    if (next !== undefined) show(next);
  });
  const step = (/** @type {string} */ label, /** @type {number} */ by) => element('button', { type: 'button', onclick: () => show(at + by) }, label);
  // The first page is drawn once its place has a width.
  requestAnimationFrame(() => show(0));
  return [element('section', { class: 'panel', id: 'pages' }, element('h2', {}, isPdf || isPicture ? 'The document beside its text' : 'The text'),
    element('div', { class: 'row' }, found.length > 1 && [step('Previous', -1), number, element('span', {}, `of ${found.length}`), step('Next', 1)], search, told),
    failure, element('div', { class: 'reading' }, sheet, text))];
}
