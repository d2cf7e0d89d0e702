// @ts-check
// How the pipeline does: uploads by state over time, turnaround, failures by reason, money.

import { read } from './api.js';
import { STATES, dollars, drawn, duration, element, stateOf } from './parts.js';

/** Days of the charts. */
const DAYS = 30;
const [WIDTH, HEIGHT, BASE] = [900, 190, 165];

/** The last days, the days without anything included: a gap in time is a gap in the chart. @param {string[]} known */
function days(known) {
  const last = [...known, new Date().toISOString().slice(0, 10)].sort().pop() ?? '';
  const first = known.length > 0 ? [...known].sort()[0] : last;
  const all = Array.from({ length: DAYS }, (_, back) => new Date(Date.parse(last) - back * 86_400_000).toISOString().slice(0, 10)).reverse();
  // A week at least, and no empty weeks before the first.
  return all.filter((day, at) => day >= first || at >= DAYS - 7);
}

/** A chart of bars with a scale. @param {string} label @param {string[]} shown @param {(day: string) => [string, number, string][]} parts @param {(most: number) => string} scale */
function chart(label, shown, parts, scale) {
  const most = Math.max(...shown.map((day) => parts(day).reduce((sum, [, value]) => sum + value, 0)));
  if (!(most > 0)) return element('p', { class: 'quiet' }, 'Nothing yet.');
  const width = (WIDTH - 60) / shown.length;
  const every = Math.ceil(shown.length / 12);
  const bars = shown.flatMap((day, at) => {
    let top = BASE;
    const rects = parts(day).filter(([, value]) => value > 0).map(([name, value, told]) => {
      const height = value / most * (BASE - 20);
      top -= height;
      return drawn('rect', { class: name, x: 60 + at * width + 1, y: top, width: Math.max(width - 2, 1), height }, drawn('title', {}, `${day}: ${told}`));
    });
    return at % every === 0 ? [...rects, drawn('text', { x: 60 + at * width + width / 2, y: HEIGHT - 8, 'text-anchor': 'middle' }, day.slice(5))] : rects;
  });
  const lines = [0, 0.5, 1].flatMap((share) => {
    const y = BASE - share * (BASE - 20);
    return [drawn('line', { x1: 56, x2: WIDTH, y1: y, y2: y }), drawn('text', { x: 52, y: y + 4, 'text-anchor': 'end' }, scale(most * share))];
  });
  return drawn('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `${label}; at most ${scale(most)} a day` }, ...lines, ...bars);
}

/** @param {string[]} names @param {any[]} rows @param {number[]} numbers the columns with numbers */
function table(names, rows, numbers) {
  const kind = (/** @type {number} */ at) => (numbers.includes(at) ? 'number' : 'name');
  return element('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': names.join(', ') }, element('table', {},
    element('thead', {}, element('tr', {}, names.map((name, at) => element('th', { scope: 'col', class: kind(at) }, name)))),
    element('tbody', {}, rows.map((/** @type {any[]} */ row) => element('tr', {}, row.map((cell, at) => element('td', { class: kind(at) }, cell)))))));
}

/** The dashboard. */
export async function dashboard() {
  const [counts, summary] = await Promise.all([read('/api/counts'), read('/api/summary')]);
  const total = (/** @type {string} */ state) => counts.filter((/** @type {any} */ each) => each.state === state).reduce((/** @type {number} */ sum, /** @type {any} */ each) => sum + each.count, 0);
  const shown = days(counts.map((/** @type {any} */ each) => each.day));
  const of = (/** @type {string} */ day, /** @type {string} */ state) => counts.find((/** @type {any} */ each) => each.day === day && each.state === state)?.count ?? 0;
  const uploads = chart('Uploads by the day on which they came into their state', shown,
    (day) => STATES.map((state) => [state, of(day, state), `${of(day, state)} ${state.toLowerCase()}`]), (most) => String(Math.round(most)));
  const spent = (/** @type {string} */ day) => summary.days.find((/** @type {any} */ each) => each.day === day);
  const money = summary.cost !== null
    ? chart('Money by day', shown, (day) => [['SPENT', spent(day)?.cost ?? 0, dollars(spent(day)?.cost ?? 0)]], (most) => dollars(most).replace(' USD', ''))
    : chart('Processor time by day', shown, (day) => [['SPENT', spent(day)?.vcpuSeconds ?? 0, duration((spent(day)?.vcpuSeconds ?? 0) * 1000)]], (most) => duration(most * 1000));
  const wait = (/** @type {any} */ value) => (value === null ? '–' : duration(value));
  const { turnaround } = summary;
  return element('div', {}, element('h1', {}, 'Dashboard'),
    element('div', { class: 'tiles' }, STATES.map((state) => element('div', { class: 'panel tile' }, total(state).toLocaleString(), element('span', {}, stateOf(state))))),
    element('section', { class: 'panel' }, element('h2', {}, 'Uploads by day'), uploads),
    element('section', { class: 'panel' }, element('h2', {}, 'Turnaround'),
      element('p', { class: 'quiet' }, 'From the upload to its record, of those that succeeded.'),
      table(['Kind', 'Uploads', 'Median', '90 %', '95 %', '99 %', 'Slowest'], turnaround.map((/** @type {any} */ each) => [each.kind ?? 'all', each.count.toLocaleString(), ...[each.median, each.p90, each.p95, each.p99, each.slowest].map(wait)]), [1, 2, 3, 4, 5, 6])),
    element('section', { class: 'panel' }, element('h2', {}, 'Failures by reason'),
      summary.failures.length === 0 ? element('p', { class: 'quiet' }, 'Nothing has failed.')
        : table(['Uploads', 'State', 'Reason', 'One of them'], summary.failures.map((/** @type {any} */ each) => [each.count.toLocaleString(), stateOf(each.state), each.reason, element('a', { href: `#/upload/${encodeURIComponent(each.example)}` }, each.example)]), [0])),
    element('section', { class: 'panel' }, element('h2', {}, summary.cost !== null ? 'Money' : 'Processor time'),
      element('p', { class: 'quiet' }, summary.cost !== null ? `${dollars(summary.cost)} as estimated by the prices of this installation.` : 'This installation has no prices, so that time stands for money.'),
      money,
      table(['Kind', 'Uploads', 'Processor', ...(summary.cost !== null ? ['Cost'] : [])],
        summary.kinds.map((/** @type {any} */ each) => [each.kind, each.count.toLocaleString(), duration(each.vcpuSeconds * 1000), ...(summary.cost !== null ? [dollars(each.cost ?? 0)] : [])]), [1, 2, 3])),
    element('p', { class: 'quiet' }, `Turnaround, failures and money are of the last ${summary.of.toLocaleString()} uploads that ended.`));
}
