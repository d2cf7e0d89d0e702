// @ts-check
// 3D models, to turn and to play: model-viewer is loaded when there is one to show.

import { resultUrl, uploadUrl } from './api.js';
import { element, nameOf, size, typeOf } from './parts.js';

/** @type {Promise<any> | undefined} */
let library;
/** model-viewer with its decoders, which are served by the same program. Each viewer that is made reads from here where they are. That of
 * KTX2 is none of them: it makes functions of text, which the policy of this page allows nobody. */
const viewer = () => {
  /** @type {any} */ (self).ModelViewerElement ??= {
    meshoptDecoderLocation: '/vendor/meshopt_decoder.js', dracoDecoderLocation: '/vendor/', ktx2TranscoderLocation: '/vendor/',
  };
  return (library ??= import('./vendor/model-viewer.min.js'));
};

const TITLES = {
  'simulation.glb': 'How it falls and comes to rest',
  'strength.glb': 'How it bears the load: colours are stress, the deformation is exaggerated',
  'print.glb': 'How it prints',
};

/** Buttons and a slider for the animations of a model. @param {any} model */
function playback(model) {
  const names = model.availableAnimations;
  if (names.length === 0) return null;
  const place = element('input', { type: 'range', min: 0, max: 1000, value: '0', 'aria-label': 'Time of the animation' });
  const told = element('span', { class: 'value' });
  const button = element('button', { type: 'button' }, 'Play');
  const choice = element('select', { 'aria-label': 'Animation' }, names.map((/** @type {string} */ name, /** @type {number} */ at) => element('option', { value: name }, name || `Animation ${at + 1}`)));
  const show = () => {
    const { duration, currentTime } = model;
    place.value = String(duration > 0 ? (currentTime % (duration + 1e-6)) / duration * 1000 : 0);
    told.textContent = `${currentTime.toFixed(2)} of ${duration.toFixed(2)} s`;
    button.textContent = model.paused ? 'Play' : 'Pause';
  };
  const tick = () => {
    if (!model.isConnected) return;
    if (!model.paused) show();
    requestAnimationFrame(tick);
  };
  button.addEventListener('click', () => { if (model.paused) model.play(); else model.pause(); show(); });
  place.addEventListener('input', () => { model.pause(); model.currentTime = Number(place.value) / 1000 * model.duration; show(); });
  choice.addEventListener('change', () => { model.animationName = choice.value; model.currentTime = 0; show(); });
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (!isStill) model.play();
  requestAnimationFrame(tick);
  show();
  return element('div', { class: 'playback' }, button, names.length > 1 && choice, place, told);
}

/** One model with its caption. @param {string} url @param {string} alt @param {any} caption */
function stage(url, alt, caption) {
  const model = element('model-viewer', {
    src: url, alt, 'camera-controls': '', 'shadow-intensity': '0.6', 'interaction-prompt': 'none', 'touch-action': 'pan-y', 'tone-mapping': 'neutral',
  });
  const below = element('div');
  const figure = element('figure', {}, model, below, element('figcaption', {}, caption));
  // Two viewers on a page are two regions of the same name to a screen reader, unless each names its model.
  model.addEventListener('load', () => model.shadowRoot?.querySelector('[role=region][aria-label="Live announcements"]')?.setAttribute('aria-label', `Announcements: ${alt}`));
  model.addEventListener('load', () => {
    const isWithoutTextures = model.originalGltfJson?.extensionsUsed?.includes('KHR_texture_basisu');
    below.replaceChildren(...[playback(model), isWithoutTextures && element('p', { class: 'quiet' }, 'Its textures are KTX2, which this page does not draw.')].filter(Boolean));
  });
  model.addEventListener('error', (/** @type {any} */ event) => {
    below.replaceChildren(element('p', { class: 'state FAILED' }, `failed to show ${alt}: ${event.detail?.sourceError?.message ?? event.detail?.type ?? 'the model cannot be read'}`));
  });
  return { figure, model };
}

/** Has two models turn together. @param {any} one @param {any} other */
function together(one, other) {
  for (const [from, to] of [[one, other], [other, one]]) {
    from.addEventListener('camera-change', (/** @type {any} */ event) => {
      if (event.detail.source !== 'user-interaction') return;
      to.cameraOrbit = from.getCameraOrbit().toString();
      to.cameraTarget = from.getCameraTarget().toString();
      to.fieldOfView = `${from.getFieldOfView()}deg`;
      to.jumpCameraToGoal();
    });
  }
}

/** What `optimise` reports. @param {any[]} outputs */
async function saved(outputs) {
  const report = outputs.find((output) => output.made?.operation === 'optimise' && nameOf(output) === 'report.json');
  return report ? (await fetch(resultUrl(report.key))).json() : null;
}

/** @param {any} facts */
const measures = (facts) => (facts ? `${size(facts.bytes)}, ${facts.triangles.toLocaleString()} triangles, ${facts.drawCalls} draw calls` : '');

/** The models of an upload. @param {string} key @param {any} record @param {any[]} outputs @param {boolean} hasSource */
export async function models(key, record, outputs, hasSource) {
  const made = outputs.filter((output) => typeOf(output) === 'model/gltf-binary');
  if (made.length === 0 && !(hasSource && record.format === 'glb')) return [];
  await viewer();
  const parts = [];
  const best = made.find((output) => output.made.operation === 'optimise' && nameOf(output) === 'model.glb');
  const report = best ? await saved(outputs) : null;
  if (hasSource && record.format === 'glb') {
    const before = stage(uploadUrl(key), `${key}, as it was uploaded`, ['Before', measures(report?.before) || size(record.source.size)].join(': '));
    if (best) {
      const after = stage(resultUrl(best.key), `${key}, optimised`, ['After', measures(report?.after)].join(': '));
      together(before.model, after.model);
      parts.push(element('section', { class: 'panel', id: 'models' }, element('h2', {}, 'Before and after, in 3D'), element('div', { class: 'pair' }, before.figure, after.figure)));
    } else parts.push(element('section', { class: 'panel', id: 'models' }, element('h2', {}, 'The model'), before.figure));
  } else if (best) {
    const after = stage(resultUrl(best.key), `${key}, optimised`, measures(report?.after));
    parts.push(element('section', { class: 'panel', id: 'models' }, element('h2', {}, 'The optimised model'), after.figure));
  }
  for (const output of made.filter((each) => each !== best)) {
    const title = /** @type {any} */ (TITLES)[nameOf(output)] ?? nameOf(output);
    const bytes = output.made.size ?? 0;
    const study = stage(resultUrl(output.key), `${title}: ${key}`, [nameOf(output), bytes && size(bytes)].filter(Boolean).join(', '));
    // Levels of detail are many and alike: each is shown when it is asked for.
    if (output.made.operation === 'optimise') {
      const holder = element('details', {}, element('summary', {}, title));
      holder.addEventListener('toggle', () => holder.append(study.figure), { once: true });
      parts.push(element('section', { class: 'panel' }, holder));
    } else parts.push(element('section', { class: 'panel' }, element('h2', {}, title), study.figure));
  }
  return parts;
}
