// @ts-check
// The views, by the part of the address behind `#`.

import { begin, call, read, watch } from './api.js';
import { STATES, element, say, size, stateOf, time } from './parts.js';
import { detail, known, share } from './detail.js';
import { dashboard } from './dashboard.js';
import { dropZone, operations } from './upload.js';

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
  let asked = 0;
  const fill = async () => {
    const mine = ++asked;
    const { found, next } = await rows();
    // An answer to an earlier letter of the filter may come after that to a later one.
    if (mine !== asked) return;
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

async function everyOperation() {
  const kinds = await operations();
  refresh = null;
  return element('div', {}, element('h1', {}, 'Operations'),
    element('p', { class: 'quiet' }, 'Results are shown by viewers of others: ', element('a', { href: '/vendor/licences.txt', target: '_blank' }, 'their licences'), '.'), kinds.map((kind) => element('section', { class: 'panel' },
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
      const details = await known(key);
      made = await detail(key, details, progress);
      let shown = JSON.stringify(details);
      refresh = async () => {
        document.getElementById('share')?.replaceChildren(share(key, progress));
        const now = JSON.stringify(await known(key));
        // Nobody's typing and no player is interrupted, and no viewer is made anew for nothing.
        const isBusy = main.contains(document.activeElement) && document.activeElement !== main;
        const isPlaying = [...main.querySelectorAll('video, audio')].some((player) => !(/** @type {HTMLMediaElement} */ (player).paused));
        if (now === shown || isBusy || isPlaying) return;
        shown = now;
        await show();
      };
    } else if (view === 'dashboard') {
      made = await dashboard();
      refresh = show;
    } else if (view === 'operations') made = await everyOperation();
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
window.addEventListener('hashchange', async () => { await begin(); await show(); main.focus({ preventScroll: true }); scrollTo(0, 0); });
await show();
