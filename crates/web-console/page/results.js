// @ts-check
// Results to look at, by their kind.

import { resultUrl, uploadUrl } from './api.js';
import { drawn, element, nameOf, size, typeOf } from './parts.js';

const PICTURE = /^image\/(avif|gif|jpeg|png|webp)$/;
const SHOWN_BY_BROWSERS = new Set(['jpeg', 'png', 'gif', 'webp', 'avif', 'bmp']);
const MOST_PICTURES = 60;
const MOST_TEXT = 200_000;

/** What was recognised in a picture, as marks over it and a list, each of which lights up the other. @param {any} found */
function recognised(found) {
  const named = (/** @type {string} */ name, /** @type {any} */ each) => ({ name, ...each });
  const boxes = [
    ...(found.labels ?? []).flatMap((/** @type {any} */ label) => (label.instances ?? []).map((/** @type {any} */ each) => named(label.name, each))),
    ...(found.faces ?? []).map((/** @type {any} */ face) => named('face', face)),
    ...(found.text ?? []).filter((/** @type {any} */ each) => each.bounds).map((/** @type {any} */ each) => named(each.text, each)),
  ];
  const percent = (/** @type {any} */ { name, confidence }) => `${name}, ${Math.round(confidence * 100)} %`;
  const marks = drawn('svg', { class: 'marks', viewBox: `0 0 ${found.width} ${found.height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': boxes.length > 0 ? `Boxes around ${boxes.map(({ name }) => name).join(', ')}` : 'No boxes' });
  const items = boxes.map((box) => {
    const [left, top, right, bottom] = box.bounds;
    const mark = drawn('rect', { x: left, y: top, width: right - left, height: bottom - top }, drawn('title', {}, percent(box)));
    const item = element('li', {}, percent(box));
    const light = (/** @type {boolean} */ on) => { mark.classList.toggle('lit', on); item.classList.toggle('lit', on); };
    for (const node of [mark, item]) {
      node.addEventListener('pointerenter', () => light(true));
      node.addEventListener('pointerleave', () => light(false));
    }
    marks.append(mark);
    return item;
  });
  const labels = (found.labels ?? []).filter((/** @type {any} */ label) => !label.instances?.length).map((/** @type {any} */ label) => element('li', {}, percent(label)));
  return { marks, list: element('ul', { class: 'tags' }, items, labels), count: boxes.length };
}

/** The upload and its first picture, one over the other, with the boxes of what was recognised. @param {string} key @param {any} record @param {any} after @param {any} found */
function compare(key, record, after, found) {
  const before = element('img', { class: 'before', src: uploadUrl(key), alt: 'Before' });
  const slider = element('input', { type: 'range', min: 0, max: 100, value: '50', 'aria-label': 'How much of the upload is shown over the result' });
  const move = () => { before.style.clipPath = `inset(0 ${100 - Number(slider.value)}% 0 0)`; };
  slider.addEventListener('input', move);
  move();
  const bytes = after.made?.size ?? after.stored?.size ?? 0;
  const saved = record.source.size > 0 ? Math.round((1 - bytes / record.source.size) * 100) : 0;
  const told = saved > 0 ? `${saved} % smaller` : `${-saved} % larger`;
  const { width, height } = after.made?.properties ?? {};
  return element('section', { class: 'panel', id: 'compare' }, element('h2', {}, 'Before and after'),
    element('div', { class: 'compare' }, element('img', { src: resultUrl(after.key), alt: 'After', width, height }), before, found?.marks), slider, found && boxes(found),
    element('p', { class: 'quiet' }, `${size(record.source.size)} before, ${size(bytes)} after: ${told}`), found?.list);
}

/** A switch for the boxes. @param {any} found */
function boxes(found) {
  const shown = element('input', { type: 'checkbox', checked: true, onchange: () => { found.marks.toggleAttribute('hidden', !shown.checked); } });
  return found.count > 0 && element('p', {}, element('label', {}, shown, found.count === 1 ? ' Show the box' : ` Show ${found.count} boxes`));
}

/** The beginning of a text. @param {any} output */
async function text(output) {
  // An empty file has no range that could be asked for.
  if (output.made?.size === 0) return element('section', { class: 'panel' }, element('h2', {}, nameOf(output)), element('p', { class: 'quiet' }, 'It is empty.'));
  const bytes = await (await fetch(resultUrl(output.key), { headers: { Range: `bytes=0-${MOST_TEXT - 1}` } })).text();
  const content = element('pre', { tabindex: 0 }, bytes);
  // Reports are for programs, and what people want of them is shown where it belongs.
  if (/\.json$/.test(nameOf(output))) return element('section', { class: 'panel' }, element('details', {}, element('summary', {}, nameOf(output)), content));
  return element('section', { class: 'panel' }, element('h2', {}, nameOf(output)), content);
}

/** An upload's picture, with its result and what was recognised in it. @param {string} key @param {any} record @param {any[]} outputs @param {boolean} hasSource */
async function picture(key, record, outputs, hasSource) {
  const isShown = record.kind === 'image' && hasSource && SHOWN_BY_BROWSERS.has(record.format);
  const recognition = outputs.find((output) => nameOf(output) === 'recognition.json');
  const found = recognition ? recognised(await (await fetch(resultUrl(recognition.key))).json()) : null;
  const after = outputs.find((output) => PICTURE.test(typeOf(output)) && ['resize', 'convert'].includes(output.made?.operation));
  if (isShown && after) return compare(key, record, after, found);
  if (!found) return null;
  return element('section', { class: 'panel', id: 'recognised' }, element('h2', {}, 'Recognised'),
    isShown && element('div', { class: 'compare' }, element('img', { src: uploadUrl(key), alt: key }), found.marks), isShown && boxes(found), found.list);
}

/** What can be looked at. Viewers are loaded for what there is. @param {string} key @param {any} record @param {any[]} outputs @param {boolean} hasSource */
export async function preview(key, record, outputs, hasSource) {
  const parts = [await picture(key, record, outputs, hasSource)];
  const named = (/** @type {RegExp} */ name) => outputs.filter((output) => name.test(nameOf(output)));
  if (record.kind === 'model') parts.push(...await (await import('./model.js')).models(key, record, outputs, hasSource));
  if (record.kind === 'video') parts.push(...await (await import('./player.js')).clips(key, record, outputs, hasSource));
  const isRead = named(/^text\.json$/).length > 0;
  const pages = isRead ? await (await import('./document.js')).pages(key, record, outputs, hasSource) : [];
  parts.push(...pages);
  const pictures = outputs.filter((output) => PICTURE.test(typeOf(output)) && !/^sprite-/.test(nameOf(output)));
  if (pictures.length > 0) {
    parts.push(element('section', { class: 'panel' }, element('h2', {}, pictures.length > MOST_PICTURES ? `Pictures: ${MOST_PICTURES} of ${pictures.length}` : 'Pictures'),
      element('div', { class: 'gallery' }, pictures.slice(0, MOST_PICTURES).map((output) => element('figure', {},
        element('a', { href: resultUrl(output.key), target: '_blank' }, element('img', {
          src: resultUrl(output.key), alt: nameOf(output), loading: 'lazy', width: output.made?.properties?.width, height: output.made?.properties?.height,
        })), element('figcaption', {}, nameOf(output)))))));
  }
  for (const output of [...(pages.length > 0 ? [] : named(/^text\.md$/)), ...named(/^transcript\.txt$/), ...named(/^(report|simulation|strength|print|semantics|classification)\.json$/)].slice(0, 6)) parts.push(await text(output));
  if (parts.filter(Boolean).length === 0) for (const output of named(/^text\.txt$/)) parts.push(await text(output));
  return parts;
}
