// @ts-check
// One upload: what became of it, what was made, and what to do.

import { call, path, read, resultUrl, uploadUrl } from './api.js';
import { button, dollars, drawn, duration, element, nameOf, say, size, stateOf, time, typeOf } from './parts.js';
import { optionForm } from './upload.js';
import { preview } from './results.js';

const STEPS = [
  ['uploadedAt', 'uploaded'], ['receivedAt', 'received'], ['classifiedAt', 'classified'], ['queuedAt', 'queued'],
  ['submittedAt', 'submitted'], ['startedAt', 'started'], ['fetchedAt', 'fetched'], ['processedAt', 'processed'],
  ['storedAt', 'stored'], ['recordedAt', 'recorded'],
];

/** The time from each step to the next, as bars. @param {any} timeline */
function bars(timeline) {
  const times = STEPS.flatMap(([name, label]) => (timeline[name] ? [{ label, at: Date.parse(timeline[name]) }] : [])).sort((a, b) => a.at - b.at);
  if (times.length < 2) return element('p', { class: 'quiet' }, 'No step has ended yet.');
  const first = times[0].at;
  const whole = Math.max(times[times.length - 1].at - first, 1);
  return element('div', {}, times.slice(1).map((step, index) => {
    const from = times[index].at;
    const share = [(from - first) / whole * 100, Math.max((step.at - from) / whole * 100, 0.6)];
    const track = drawn('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      drawn('rect', { x: share[0], y: 0, width: share[1], height: 10 }));
    return element('div', { class: 'bar' }, element('span', {}, step.label), element('span', { class: 'track' }, track),
      element('span', { class: 'value' }, duration(step.at - from)));
  }));
}

/** @param {[string, any][]} pairs */
const facts = (pairs) => element('dl', { class: 'facts' }, pairs.filter(([, value]) => value !== undefined && value !== null && value !== '')
  .flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));

/** What was used, and what that costs where the installation has prices. @param {any} record */
function money(record) {
  const usages = Object.values(record.results ?? {}).flatMap((/** @type {any} */ result) => (result.usage ? [result.usage] : []));
  if (usages.length === 0) return '';
  const sum = (/** @type {string} */ name) => usages.reduce((all, usage) => all + (usage[name] ?? 0), 0);
  const cost = usages.some((usage) => usage.estimatedCost !== undefined) ? `${dollars(sum('estimatedCost'))}, ` : '';
  return `${cost}${sum('vcpuSeconds').toFixed(1)} s of a processor, ${sum('gibSeconds').toFixed(1)} GiB s`;
}

/** @param {any} output */
function row(output) {
  const made = output.made ?? {};
  const bytes = made.size ?? output.stored?.size;
  const measures = made.properties?.width ? `${made.properties.width} × ${made.properties.height}` : '';
  return element('tr', {}, element('td', { class: 'name' }, element('a', { href: resultUrl(output.key), target: '_blank' }, nameOf(output))),
    element('td', {}, made.operation ?? ''), element('td', { class: 'type' }, typeOf(output)), element('td', { class: 'number' }, measures),
    element('td', { class: 'number' }, bytes === undefined ? '' : size(bytes)),
    element('td', {}, element('a', { href: `${resultUrl(output.key)}?save=1`, download: '' }, 'Save', element('span', { class: 'unseen' }, ` ${nameOf(output)}`))));
}

/** Everything that is known of the uploads of an object. @param {string} key @returns {Promise<any[]>} */
export const known = (key) => read(`/api/upload/${path(key)}`);

/** How far a file under way is. @param {string} key @param {Record<string, number>} progress */
export const share = (key, progress) => (progress[key] === undefined ? element('span')
  : element('progress', { max: 1, value: progress[key], 'aria-label': 'Progress' }));

/** @param {string} key @param {any[]} details @param {Record<string, number>} progress */
export async function detail(key, details, progress) {
  const { record, outputs, explanation, hasSource } = details[0];
  const isOver = ['SUCCEEDED', 'FAILED', 'REJECTED', 'UNSUPPORTED', 'CANCELLED'].includes(record.state);
  const pictures = await preview(key, record, outputs, hasSource);
  const actions = element('div', { class: 'row' },
    !isOver && button('Cancel', async () => { await call('POST', `/api/cancel/${path(key)}`); say('Cancelled'); }),
    record.state === 'FAILED' && button('Try again', async () => { await call('POST', `/api/redrive/${path(key)}`); say('On its way again'); }, 'main'),
    hasSource && element('a', { class: 'button', href: `${uploadUrl(key)}?save=1` }, 'Save the upload'),
    button('Delete', async () => {
      if (!confirm(`Delete ${key} and everything that was made of it? This cannot be taken back.`)) return;
      await call('DELETE', `/api/upload/${path(key)}`);
      say(`${key} was deleted`);
      location.hash = '#/';
    }, 'danger'));
  const made = outputs.map((/** @type {any} */ output) => output.made?.size ?? output.stored?.size ?? 0).reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0);
  const form = record.kind && hasSource
    ? await optionForm(record.kind, record.processingOption ?? '', async (option) => {
      await call('POST', `/api/submit/${path(key)}`, { processingOption: option });
      say('Queued');
    })
    : null;
  return element('div', {},
    element('p', {}, element('a', { href: '#/' }, '← All uploads')),
    element('h1', {}, key), element('p', {}, stateOf(record.state), ' ', explanation.advice),
    explanation.cause.length > 0 && element('ul', {}, explanation.cause.map((/** @type {string} */ cause) => element('li', {}, cause))),
    element('p', { id: 'share' }, share(key, progress)),
    actions,
    element('div', { class: 'columns' },
      element('div', {}, pictures,
        outputs.length > 0 && element('section', { class: 'panel' }, element('h2', {}, 'Results'),
          element('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Results' }, element('table', {}, element('thead', {}, element('tr', {},
            ['Name', 'Operation', 'Type'].map((name) => element('th', { scope: 'col' }, name)),
            ['Pixels', 'Size'].map((name) => element('th', { scope: 'col', class: 'number' }, name)), element('th', { scope: 'col' }, element('span', { class: 'unseen' }, 'Download')))),
          element('tbody', {}, outputs.slice(0, 500).map(row)))),
          outputs.length > 500 && element('p', { class: 'quiet' }, `and ${outputs.length - 500} more`))),
      element('div', {},
        element('section', { class: 'panel' }, element('h2', {}, 'Upload'), facts([
          ['Kind', record.kind], ['Format', record.format], ['Size', size(record.source.size)],
          ['Asked for', record.processingOption], ['Asked by', record.optionSource], ['Uploaded', time(record.timeline.uploadedAt)],
          ['Cost', money(record)], ['Results', outputs.length > 0 ? `${outputs.length} files, ${size(made)}` : ''], ['Job', record.jobId],
        ])),
        element('section', { class: 'panel' }, element('h2', {}, 'Time'), bars(record.timeline)),
        details.length > 1 && element('section', { class: 'panel' }, element('h2', {}, 'Earlier'),
          element('ul', {}, details.slice(1).map((/** @type {any} */ each) => element('li', {}, stateOf(each.record.state), ' ', time(each.record.timeline.uploadedAt), ' ', each.record.processingOption ?? '')))))),
    form && element('section', { class: 'panel' }, element('h2', {}, 'Process again'), form));
}
