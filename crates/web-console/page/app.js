// @ts-check
// The views, by the part of the address behind `#`.

import { begin, call, read, watch } from './api.js';
import { drawn, element, say, size, stateOf, time } from './parts.js';
import { detail } from './detail.js';
import { dropZone, operations } from './upload.js';

const STATES = ['QUEUED', 'SUBMITTED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'REJECTED', 'UNSUPPORTED', 'CANCELLED'];
const KINDS = ['document', 'image', 'model', 'video'];
const main = /** @type {HTMLElement} */ (document.getElementById('main'));

/** @type {Record<string, number>} */
let progress = {};
/** What the list shows. */
const filter = { state: '', kind: '', day: '', text: '' };
/** The pages of the list that are shown. */
let pages = 1;

/** @param {any} record */
function row(record) {
  const href = `#/upload/${encodeURIComponent(record.source.key)}`;
  const share = progress[record.source.key];
  const state = record.state !== 'SUCCEEDED' && share !== undefined
    ? element('progress', { max: 1, value: share, 'aria-label': `Progress of ${record.source.key}` }) : null;
  return element('tr', { class: 'linked' }, element('td', { class: 'name' }, element('a', { href }, record.source.key)),
    element('td', {}, stateOf(record.state), state), element('td', {}, record.kind ?? ''),
    element('td', { class: 'name' }, record.processingOption ?? '', record.causes.map((/** @type {string} */ cause) => element('div', { class: 'quiet' }, cause))),
    element('td', { class: 'number' }, size(record.source.size)), element('td', {}, time(record.stateAt)));
}

/** The rows of the pages that are shown. */
async function rows() {
  const found = [];
  let next = '';
  for (let page = 0; page < pages; page += 1) {
    const query = new URLSearchParams(Object.entries({ ...filter, after: next }).filter(([, value]) => value !== ''));
    const listing = await read(`/api/uploads?${query}`);
    found.push(...listing.uploads);
    next = listing.next ?? '';
    if (!next) break;
  }
  return { found, next };
}

async function uploads() {
  const body = element('tbody');
  const more = element('div', { class: 'row' });
  const fill = async () => {
    const { found, next } = await rows();
    body.replaceChildren(...found.map(row));
    const nothing = Object.values(filter).some(Boolean) ? 'No upload fits this filter.' : 'Nothing was uploaded yet: drop a file above.';
    if (found.length === 0) body.append(element('tr', {}, element('td', { colspan: 6, class: 'quiet' }, nothing)));
    more.replaceChildren(...(next ? [element('button', { type: 'button', onclick: () => { pages += 1; fill(); } }, 'Show more')] : []));
  };
  /** @param {string} name @param {string} label @param {string[]} values */
  const select = (name, label, values) => element('label', {}, `${label} `, element('select', {
    id: `filter-${name}`, onchange: (/** @type {any} */ event) => { /** @type {any} */ (filter)[name] = event.target.value; pages = 1; fill(); },
  }, element('option', { value: '' }, 'any'), values.map((value) => element('option', { value, selected: /** @type {any} */ (filter)[name] === value }, value.toLowerCase()))));
  /** @param {string} name @param {string} label @param {string} type */
  const field = (name, label, type) => element('label', {}, `${label} `, element('input', {
    type, id: `filter-${name}`, value: /** @type {any} */ (filter)[name], oninput: (/** @type {any} */ event) => { /** @type {any} */ (filter)[name] = event.target.value; pages = 1; fill(); },
  }));
  await fill();
  refresh = fill;
  return element('div', {}, dropZone(),
    element('h1', {}, 'Uploads'),
    element('div', { class: 'row', role: 'search' }, field('text', 'Name', 'search'), select('state', 'State', STATES), select('kind', 'Kind', KINDS), field('day', 'Day', 'date')),
    element('div', { class: 'panel wide', tabindex: 0, role: 'region', 'aria-label': 'Uploads' }, element('table', {}, element('thead', {}, element('tr', {},
      ['Name', 'State', 'Kind', 'Asked for'].map((name) => element('th', { scope: 'col' }, name)), element('th', { scope: 'col', class: 'number' }, 'Size'), element('th', { scope: 'col' }, 'Since'))), body)), more);
}

/** Uploads of each day by state, as stacked bars. @param {any[]} counts */
function chart(counts) {
  const days = [...new Set(counts.map((each) => each.day))].sort().slice(-30);
  const totals = days.map((day) => counts.filter((each) => each.day === day).reduce((sum, each) => sum + each.count, 0));
  const most = Math.max(...totals, 1);
  const width = 900 / Math.max(days.length, 7);
  const bars = days.flatMap((day, at) => {
    let top = 160;
    return STATES.flatMap((state) => {
      const count = counts.find((each) => each.day === day && each.state === state)?.count ?? 0;
      const height = count / most * 145;
      top -= height;
      return count > 0 ? [drawn('rect', { class: state, x: at * width + 2, y: top, width: width - 4, height }, drawn('title', {}, `${day}: ${count} ${state.toLowerCase()}`))] : [];
    }).concat(drawn('text', { x: at * width + 4, y: 173 }, day.slice(5)));
  });
  return drawn('svg', { class: 'chart', viewBox: '0 0 900 178', preserveAspectRatio: 'xMinYMid meet', role: 'img', 'aria-label': `Uploads by day and state; at most ${most} a day` }, ...bars);
}

async function dashboard() {
  const counts = await read('/api/counts');
  const total = (/** @type {string} */ state) => counts.filter((/** @type {any} */ each) => each.state === state).reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.count, 0);
  const failed = (await read('/api/uploads?state=FAILED&limit=500')).uploads;
  const reasons = new Map();
  for (const record of failed) {
    for (const cause of record.causes) reasons.set(cause, (reasons.get(cause) ?? 0) + 1);
  }
  const done = (await read('/api/uploads?state=SUCCEEDED&limit=500')).uploads;
  const waits = done.map((/** @type {any} */ record) => Date.parse(record.timeline.recordedAt) - Date.parse(record.timeline.uploadedAt))
    .filter((/** @type {number} */ wait) => wait >= 0).sort((/** @type {number} */ a, /** @type {number} */ b) => a - b);
  const at = (/** @type {number} */ share) => (waits.length > 0 ? `${(waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] / 1000).toFixed(1)} s` : '–');
  refresh = show;
  return element('div', {}, element('h1', {}, 'Dashboard'),
    element('div', { class: 'tiles' }, STATES.map((state) => element('div', { class: 'panel tile' }, String(total(state)), element('span', {}, stateOf(state))))),
    element('section', { class: 'panel' }, element('h2', {}, 'Uploads by day'), chart(counts)),
    element('section', { class: 'panel' }, element('h2', {}, 'Turnaround'), element('p', {}, `Of the last ${waits.length} uploads: median ${at(0.5)}, 95 % within ${at(0.95)}, the slowest ${at(1)}.`)),
    element('section', { class: 'panel' }, element('h2', {}, 'Failures by reason'),
      reasons.size === 0 ? element('p', { class: 'quiet' }, 'Nothing has failed.') : element('table', {}, element('tbody', {}, [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 20)
        .map(([reason, count]) => element('tr', {}, element('td', { class: 'number' }, String(count)), element('td', { class: 'name' }, reason)))))));
}

async function everyOperation() {
  const kinds = await operations();
  refresh = null;
  return element('div', {}, element('h1', {}, 'Operations'), kinds.map((kind) => element('section', { class: 'panel' },
    element('h2', {}, `${kind.kind[0].toUpperCase()}${kind.kind.slice(1)}`), element('p', { class: 'quiet' }, 'By default: ', element('code', {}, kind.default)),
    kind.operations.map((/** @type {any} */ operation) => element('details', {}, element('summary', {}, element('strong', {}, operation.name), `: ${operation.about}`),
      element('p', { class: 'quiet' }, `Accepts ${operation.accepts.join(', ')}.`),
      element('ul', {}, operation.presets.map((/** @type {any} */ preset) => element('li', {}, element('code', {}, preset.option), `: ${preset.effect}`))),
      element('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': `Options of ${operation.name}` }, element('table', {}, element('thead', {}, element('tr', {}, ['Option', 'Value', 'Default', 'Meaning'].map((name) => element('th', { scope: 'col' }, name)))),
        element('tbody', {}, operation.options.map((/** @type {any} */ option) => element('tr', {}, element('td', {}, element('code', {}, option.name)),
          element('td', {}, option.isSwitch ? 'true' : (option.values.map((/** @type {any} */ word) => word.name).join(' ') || option.value)), element('td', {}, option.default ?? ''), element('td', {}, option.help)))))))))));
}

/** @type {null | (() => any)} */
let refresh = null;
let turn = 0;

async function show() {
  const mine = ++turn;
  const [, view = '', ...rest] = location.hash.split('/');
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('data-view') === (view || 'uploads')) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
  }
  try {
    let made;
    if (view === 'upload') {
      const key = decodeURIComponent(rest.join('/'));
      made = await detail(key, progress);
      refresh = async () => {
        // Nobody's typing and no player is interrupted.
        const isBusy = main.contains(document.activeElement) && document.activeElement !== main;
        const isPlaying = [...main.querySelectorAll('video, audio')].some((player) => !(/** @type {HTMLMediaElement} */ (player).paused));
        if (!isBusy && !isPlaying) await show();
      };
    } else if (view === 'dashboard') made = await dashboard();
    else if (view === 'operations') made = await everyOperation();
    else made = await uploads();
    if (mine === turn) main.replaceChildren(made);
  } catch (error) {
    if (mine === turn) main.replaceChildren(element('h1', {}, 'That did not work'), element('p', {}, String(/** @type {Error} */ (error).message)));
  }
}

await begin();
try {
  const about = await call('GET', '/api/about');
  const told = about.isRunning ? `Working on ${about.inbox}` : `Showing ${about.inbox}; nothing is worked on here`;
  /** @type {HTMLElement} */ (document.getElementById('about')).textContent = told;
  watch((change) => {
    progress = change.progress;
    refresh?.();
  });
} catch { say('This console is closed to this browser: open the URL that was printed.'); }
window.addEventListener('hashchange', async () => { await begin(); await show(); main.focus(); });
await show();
