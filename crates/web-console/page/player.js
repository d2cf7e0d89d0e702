// @ts-check
// Clips: ladders by hls.js, which is loaded when there is one to show; captions; thumbnails over a bar to seek by.

import { resultUrl, uploadUrl } from './api.js';
import { element, nameOf, typeOf } from './parts.js';

/** What browsers play without a ladder. */
const PLAYED = new Set(['mp4', 'mov', 'webm', 'ogv']);

/** @type {Promise<any> | undefined} */
let library;
const hls = () => (library ??= import('./vendor/hls.min.mjs').then((module) => module.default));

/** Cues of a thumbnail track: each a part of a sheet. @param {any} output */
async function thumbnails(output) {
  const text = await (await fetch(resultUrl(output.key))).text();
  const folder = resultUrl(output.key).replace(/[^/]*$/, '');
  const seconds = (/** @type {string} */ clock) => clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return [...text.matchAll(/([\d:.]+) --> ([\d:.]+)\n([^#\n]+)#xywh=(\d+),(\d+),(\d+),(\d+)/g)].map(([, start, end, sheet, ...place]) => {
    const [x, y, width, height] = place.map(Number);
    return { start: seconds(start), end: seconds(end), url: folder + encodeURIComponent(sheet), x, y, width, height };
  });
}

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds);
  const pair = (/** @type {number} */ number) => String(number).padStart(2, '0');
  return `${whole >= 3600 ? `${Math.floor(whole / 3600)}:` : ''}${pair(Math.floor(whole / 60) % 60)}:${pair(whole % 60)}`;
}

/** A bar to seek by, which shows what is there. @param {any} video @param {any[]} cues */
function seekBar(video, cues) {
  const bar = element('input', { type: 'range', min: 0, max: 1, step: 'any', value: '0', 'aria-label': 'Seek', class: 'seek' });
  const picture = element('div', { class: 'sprite' });
  const told = element('span');
  const bubble = element('div', { class: 'bubble', hidden: true, 'aria-hidden': 'true' }, picture, told);
  const length = () => (Number.isFinite(video.duration) && video.duration > 0 ? video.duration : cues[cues.length - 1].end);
  /** @param {number} time */
  const look = (time) => {
    const cue = cues.find((each) => time < each.end) ?? cues[cues.length - 1];
    Object.assign(picture.style, {
      width: `${cue.width}px`, height: `${cue.height}px`, backgroundImage: `url("${cue.url}")`, backgroundPosition: `-${cue.x}px -${cue.y}px`,
    });
    told.textContent = clock(time);
    bubble.hidden = false;
    const share = time / length();
    bubble.style.left = `calc(${share * 100}% - ${share * cue.width}px)`;
  };
  const hide = () => { bubble.hidden = true; };
  const places = () => { bar.max = String(length()); bar.setAttribute('aria-valuetext', `${clock(Number(bar.value))} of ${clock(length())}`); };
  bar.addEventListener('pointermove', (/** @type {any} */ event) => {
    const { left, width } = bar.getBoundingClientRect();
    look(Math.min(Math.max((event.clientX - left) / width, 0), 1) * length());
  });
  for (const name of ['pointerleave', 'blur']) bar.addEventListener(name, hide);
  bar.addEventListener('input', () => { video.currentTime = Number(bar.value); look(Number(bar.value)); places(); });
  video.addEventListener('timeupdate', () => { if (document.activeElement !== bar || !video.paused) bar.value = String(video.currentTime); places(); });
  video.addEventListener('loadedmetadata', places);
  places();
  return element('div', { class: 'seeking' }, bubble, bar);
}

/** @param {any[]} captions */
const tracks = (captions) => captions.map((each, at) => element('track', {
  kind: 'captions', src: resultUrl(each.key), srclang: each.made?.properties?.language ?? 'en', label: each.made?.properties?.language ?? nameOf(each), default: at === 0,
}));

/** Lets hls.js feed a player. Answers with a choice of renditions. @param {any} video @param {string} url */
async function ladder(video, url) {
  const Hls = await hls();
  if (!Hls.isSupported()) {
    // Safari plays ladders itself.
    video.src = url;
    return null;
  }
  // Its segments are fragmented MP4, which need no repackaging, so that a worker has nothing to do.
  const feed = new Hls({ enableWorker: false, capLevelToPlayerSize: true });
  const choice = element('select', { 'aria-label': 'Rendition' }, element('option', { value: '-1' }, 'automatic'));
  const now = element('span', { class: 'quiet' });
  feed.on(Hls.Events.MANIFEST_PARSED, () => choice.append(...feed.levels.map((/** @type {any} */ level, /** @type {number} */ at) => element('option', { value: at }, `${level.width} × ${level.height}, ${Math.round(level.bitrate / 1000)} kbit/s`))));
  feed.on(Hls.Events.LEVEL_SWITCHED, (/** @type {any} */ _, /** @type {any} */ { level }) => { now.textContent = `shown: ${feed.levels[level].height} lines`; });
  feed.on(Hls.Events.ERROR, (/** @type {any} */ _, /** @type {any} */ fault) => { if (fault.fatal) now.textContent = `failed to play: ${fault.details}`; });
  choice.addEventListener('change', () => { feed.currentLevel = Number(choice.value); });
  feed.loadSource(url);
  feed.attachMedia(video);
  // Whoever leaves the page stops the loading.
  const watch = new MutationObserver(() => { if (!video.isConnected) { feed.destroy(); watch.disconnect(); } });
  requestAnimationFrame(() => requestAnimationFrame(() => watch.observe(/** @type {HTMLElement} */ (document.getElementById('main')), { childList: true })));
  return element('div', { class: 'row' }, element('label', {}, 'Rendition ', choice), now);
}

/** @param {string} title @param {any} player @param {any[]} cues @param {any} [choice] */
function panel(title, player, cues, choice) {
  const isPicture = player.localName === 'video';
  return element('section', { class: 'panel clip' }, element('h2', {}, title), player, isPicture && cues.length > 0 && seekBar(player, cues), choice);
}

/** The clips of an upload. @param {string} key @param {any} record @param {any[]} outputs @param {boolean} hasSource */
export async function clips(key, record, outputs, hasSource) {
  if (record.kind !== 'video') return [];
  const captions = outputs.filter((output) => /\.vtt$/.test(nameOf(output)) && output.made?.operation === 'caption');
  const track = outputs.find((output) => nameOf(output) === 'sprites.vtt');
  const cues = track ? await thumbnails(track) : [];
  const attributes = { controls: true, preload: 'metadata', playsinline: '' };
  const parts = [];
  for (const output of outputs.filter((each) => nameOf(each) === 'master.m3u8')) {
    const video = element('video', attributes, tracks(captions));
    const choice = await ladder(video, resultUrl(output.key));
    parts.push(panel('The ladder', video, cues, choice));
  }
  const files = outputs.filter((output) => /^(video|audio)\/(mp4|webm|mpeg|ogg|flac|wav)$/.test(typeOf(output)) && !/^init\.|\.m4s$/.test(nameOf(output)));
  for (const output of files.slice(0, 4)) {
    const name = typeOf(output).startsWith('audio/') ? 'audio' : 'video';
    parts.push(panel(nameOf(output), element(name, { ...attributes, src: resultUrl(output.key) }, tracks(captions)), cues));
  }
  if (parts.length === 0 && hasSource && PLAYED.has(record.format)) {
    parts.push(panel('The upload', element('video', { ...attributes, src: uploadUrl(key) }, tracks(captions)), cues));
  }
  return parts;
}
