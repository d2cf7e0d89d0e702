// @ts-check
// Results to look at, by their kind.

import { resultUrl, uploadUrl } from './api.js';
import { drawn, element, size } from './parts.js';

const PICTURE = /^image\/(avif|gif|jpeg|png|webp)$/;
const SHOWN_BY_BROWSERS = new Set(['jpeg', 'png', 'gif', 'webp', 'avif', 'bmp']);
const MOST_PICTURES = 60;
const MOST_TEXT = 200_000;

/** @param {any} output */
const typeOf = (output) => output.made?.contentType?.split(';')[0] ?? '';

/** @param {any} output */
const nameOf = (output) => output.key.split('/').pop();

/** The upload and its first picture, one over the other. @param {string} key @param {any} record @param {any[]} outputs */
export function compare(key, record, outputs) {
  const after = outputs.find((output) => PICTURE.test(typeOf(output)) && ['resize', 'convert'].includes(output.made?.operation));
  if (record.kind !== 'image' || !after || !SHOWN_BY_BROWSERS.has(record.format)) return null;
  const before = element('img', { class: 'before', src: uploadUrl(key), alt: 'Before' });
  const slider = element('input', { type: 'range', min: 0, max: 100, value: '50', 'aria-label': 'How much of the upload is shown over the result' });
  const move = () => { before.style.clipPath = `inset(0 ${100 - Number(slider.value)}% 0 0)`; };
  slider.addEventListener('input', move);
  move();
  const bytes = after.made?.size ?? after.stored?.size ?? 0;
  const saved = record.source.size > 0 ? Math.round((1 - bytes / record.source.size) * 100) : 0;
  const told = saved > 0 ? `${saved} % smaller` : `${-saved} % larger`;
  return element('section', { class: 'panel' }, element('h2', {}, 'Before and after'),
    element('div', { class: 'compare' }, element('img', { src: resultUrl(after.key), alt: 'After' }), before), slider,
    element('p', { class: 'quiet' }, `${size(record.source.size)} before, ${size(bytes)} after: ${told}`));
}

/** The picture with what was recognised in it. @param {string} key @param {any} record @param {any} output @param {boolean} hasSource */
async function recognition(key, record, output, hasSource) {
  const found = await (await fetch(resultUrl(output.key))).json();
  const boxes = [
    ...(found.labels ?? []).flatMap((/** @type {any} */ label) => (label.instances ?? []).map((/** @type {any} */ each) => ({ name: label.name, ...each }))),
    ...(found.faces ?? []).map((/** @type {any} */ face) => ({ name: 'face', ...face })),
  ];
  const labels = (found.labels ?? []).map((/** @type {any} */ label) => element('li', {}, `${label.name}, ${Math.round(label.confidence * 100)} %`));
  const marks = drawn('svg', { viewBox: `0 0 ${found.width} ${found.height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${boxes.length} boxes` });
  for (const { name, confidence, bounds: [left, top, right, bottom] } of boxes) {
    marks.append(drawn('rect', { x: left, y: top, width: right - left, height: bottom - top }, drawn('title', {}, `${name}, ${Math.round(confidence * 100)} %`)));
  }
  const isShown = hasSource && SHOWN_BY_BROWSERS.has(record.format);
  return element('section', { class: 'panel' }, element('h2', {}, 'Recognised'),
    isShown && element('div', { class: 'boxes' }, element('img', { src: uploadUrl(key), alt: key }), marks), element('ul', {}, labels));
}

/** The beginning of a text. @param {any} output */
async function text(output) {
  const bytes = await (await fetch(resultUrl(output.key), { headers: { Range: `bytes=0-${MOST_TEXT - 1}` } })).text();
  return element('section', { class: 'panel' }, element('h2', {}, nameOf(output)), element('pre', { tabindex: 0 }, bytes));
}

/** @param {any} output @param {any[]} captions */
function clip(output, captions) {
  const tracks = captions.map((each, index) => element('track', {
    kind: 'captions', src: resultUrl(each.key), srclang: each.made?.properties?.language ?? 'en', label: nameOf(each), default: index === 0,
  }));
  const player = typeOf(output).startsWith('audio/') ? 'audio' : 'video';
  return element('figure', {}, element(player, { controls: true, preload: 'metadata', src: resultUrl(output.key) }, tracks), element('figcaption', {}, nameOf(output)));
}

/** What can be looked at. @param {string} key @param {any} record @param {any[]} outputs @param {boolean} hasSource */
export async function preview(key, record, outputs, hasSource) {
  const parts = [];
  const named = (/** @type {RegExp} */ name) => outputs.filter((output) => name.test(nameOf(output)));
  const captions = named(/\.vtt$/).filter((output) => output.made?.operation === 'caption');
  const clips = outputs.filter((output) => /^(video|audio)\/(mp4|webm|mpeg|ogg|flac|wav)$/.test(typeOf(output)) && !/(init|\.m4s)/.test(nameOf(output)));
  if (clips.length > 0) parts.push(element('section', { class: 'panel' }, element('h2', {}, 'Clips'), clips.slice(0, 4).map((output) => clip(output, captions))));
  else if (captions.length > 0 && hasSource) {
    parts.push(element('section', { class: 'panel' }, element('h2', {}, 'The upload with its captions'),
      element('video', { controls: true, preload: 'metadata', src: uploadUrl(key) }, captions.map((each) => element('track', { kind: 'captions', src: resultUrl(each.key), default: true })))));
  }
  for (const output of named(/^recognition\.json$/)) parts.push(await recognition(key, record, output, hasSource));
  const pictures = outputs.filter((output) => PICTURE.test(typeOf(output)));
  if (pictures.length > 0) {
    parts.push(element('section', { class: 'panel' }, element('h2', {}, pictures.length > MOST_PICTURES ? `Pictures: ${MOST_PICTURES} of ${pictures.length}` : 'Pictures'),
      element('div', { class: 'gallery' }, pictures.slice(0, MOST_PICTURES).map((output) => element('figure', {},
        element('a', { href: resultUrl(output.key), target: '_blank' }, element('img', {
          src: resultUrl(output.key), alt: nameOf(output), loading: 'lazy', width: output.made?.properties?.width, height: output.made?.properties?.height,
        })), element('figcaption', {}, nameOf(output)))))));
  }
  for (const output of [...named(/^text\.md$/), ...named(/^transcript\.txt$/), ...named(/^report\.json$/)].slice(0, 3)) parts.push(await text(output));
  if (parts.filter(Boolean).length === 0) for (const output of named(/^text\.txt$/)) parts.push(await text(output));
  return parts;
}
