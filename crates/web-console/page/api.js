// @ts-check
// The API of docs/api.yaml.

/** A path of keys: each part is encoded, the slashes stay. @param {string} key */
export const path = (key) => key.split('/').map(encodeURIComponent).join('/');

/** Where a result is. @param {string} key */
export const resultUrl = (key) => `/files/results/${path(key)}`;

/** Where an upload is. @param {string} key */
export const uploadUrl = (key) => `/files/uploads/${path(key)}`;

/** @param {string} method @param {string} url @param {unknown} [body] @returns {Promise<any>} */
export async function call(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const told = await answer.json().catch(() => ({ message: `the server answered ${answer.status}` }));
  throw new Error(told.message);
}

/** @param {string} url */
export const read = (url) => call('GET', url);

/** Trades the token of the URL for a cookie; the token leaves the address bar and the history. */
export async function begin() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!token) return;
  await fetch('/api/session', { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
  history.replaceState(null, '', '/#/');
}

/** Calls back after every change. @param {(change: {number: number, progress: Record<string, number>}) => void} tell */
export function watch(tell) {
  const events = new EventSource('/api/changes');
  events.onmessage = (event) => tell(JSON.parse(event.data));
  return events;
}
