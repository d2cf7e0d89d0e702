// @ts-check
// The drop zone, and the form of operations made from their declarations.

import { call, read } from './api.js';
import { element, say, size } from './parts.js';

const PIECE = 8 << 20;

/** @type {Promise<any[]> | undefined} */
let known;
/** Every kind with its operations. */
export const operations = () => (known ??= read('/api/operations'));

/** What an interrupted request is worth: another one, for a minute. @param {() => Promise<any>} work */
async function withRetries(work) {
  for (let wait = 500; ; wait *= 2) {
    try { return await work(); } catch (error) {
      if (wait > 32000 || !(error instanceof TypeError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/**
 * Uploads a file in pieces; one that was interrupted continues where it was.
 * @param {File} file @param {string} key @param {string} option @param {(bytes: number) => void} tell
 */
async function send(file, key, option, tell) {
  const announcement = { key, size: file.size, fingerprint: String(file.lastModified), ...(option && { processingOption: option }) };
  let transfer = await call('POST', '/api/transfers', announcement);
  while (!transfer.isComplete) {
    tell(transfer.offset);
    transfer = await withRetries(async () => {
      const { offset } = await call('POST', '/api/transfers', announcement);
      if (offset !== transfer.offset) return { ...transfer, offset };
      const answer = await fetch(`/api/transfers/${transfer.id}`, {
        method: 'PATCH', headers: { 'Upload-Offset': String(offset) }, body: file.slice(offset, offset + PIECE),
      });
      if (!answer.ok) throw new Error((await answer.json()).message);
      return answer.json();
    });
  }
  tell(file.size);
}

/** Every file of a folder that was dropped, with its path. @param {any} entry @param {string} before @returns {Promise<[File, string][]>} */
async function filesOf(entry, before) {
  if (entry.isFile) return [[await new Promise((resolve, reject) => entry.file(resolve, reject)), before + entry.name]];
  const reader = entry.createReader();
  /** @type {[File, string][]} */
  const files = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const inner of entries) files.push(...await filesOf(inner, `${before}${entry.name}/`));
  }
}

/** The drop zone. */
export function dropZone() {
  const chosen = element('input', { type: 'text', id: 'option', placeholder: 'the default of its kind', list: 'presets', size: 38, spellcheck: 'false' });
  const presets = element('datalist', { id: 'presets' });
  // The operations are as large as the page: whoever means to choose one waits for them.
  chosen.addEventListener('focus', async () => {
    const kinds = await operations();
    presets.append(...kinds.flatMap((kind) => kind.operations.flatMap((/** @type {any} */ operation) =>
      operation.presets.map((/** @type {any} */ preset) => element('option', { value: preset.option }, `${kind.kind}: ${preset.effect}`)))));
  }, { once: true });
  const list = element('div', { 'aria-live': 'polite' });

  /** @param {[File, string][]} files */
  const take = async (files) => {
    let done = 0;
    for (const [file, key] of files) {
      const bar = element('progress', { max: Math.max(file.size, 1), value: 0, 'aria-label': `Upload of ${key}` });
      const line = element('div', {}, element('span', { class: 'quiet' }, `${key} (${size(file.size)})`), bar);
      list.append(line);
      try {
        await send(file, key, chosen.value.trim(), (bytes) => { bar.value = bytes; });
        done += 1;
        line.remove();
      } catch (error) {
        bar.replaceWith(element('p', { class: 'state FAILED' }, String(/** @type {Error} */ (error).message)));
      }
    }
    if (done > 0) say(`${done} of ${files.length} files uploaded`);
  };
  const input = element('input', { type: 'file', multiple: true, id: 'files', onchange: () => {
    take([...input.files].map((file) => [file, file.name]));
    input.value = '';
  } });
  return element('section', {
    class: 'panel drop', 'aria-label': 'Upload',
    ondragover: (/** @type {DragEvent} */ event) => { event.preventDefault(); zone().classList.add('over'); },
    ondragleave: () => zone().classList.remove('over'),
    ondrop: async (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      zone().classList.remove('over');
      const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter(Boolean);
      const files = [];
      for (const entry of entries) files.push(...await filesOf(entry, ''));
      await take(files);
    },
  },
  element('p', {}, element('label', { for: 'files' }, 'Drop files or folders here, or choose them: '), input),
  element('div', { class: 'row' }, element('label', { for: 'option' }, 'What to do with them:'), chosen, presets,
    element('a', { href: '#/operations' }, 'all operations')),
  list);
  function zone() { return /** @type {HTMLElement} */ (document.querySelector('.drop')); }
}

/**
 * A form for the operations of a kind.
 * @param {string} kind @param {string} present the processing-option to begin with @param {(option: string) => Promise<any>} submit
 */
export async function optionForm(kind, present, submit) {
  const operationsOfKind = (await operations()).find((each) => each.kind === kind)?.operations ?? [];
  const text = element('input', { type: 'text', id: 'resubmit', value: present, size: 40, spellcheck: 'false' });
  const fields = element('div', { class: 'form' });
  const choice = element('select', { id: 'operation' }, operationsOfKind.map((/** @type {any} */ each) => element('option', { value: each.name }, each.name)));
  const about = element('p', { class: 'quiet' });
  const write = () => {
    const values = [];
    for (const field of fields.querySelectorAll('[data-option]')) {
      const value = field.type === 'checkbox' ? (field.checked ? 'true' : '') : field.value;
      if (value !== '' && value !== field.dataset.default) values.push(`${field.dataset.option}=${encodeURIComponent(value).replaceAll('%2C', ',')}`);
    }
    text.value = choice.value + (values.length > 0 ? `?${values.join('&')}` : '');
  };
  const show = () => {
    const operation = operationsOfKind.find((/** @type {any} */ each) => each.name === choice.value);
    about.textContent = operation ? `${operation.about}.` : '';
    fields.replaceChildren(...(operation?.options ?? []).map((/** @type {any} */ option) => {
      const shared = { 'data-option': option.name, 'data-default': option.default ?? '', onchange: write };
      let field;
      if (option.isSwitch) field = element('input', { type: 'checkbox', ...shared });
      else if (option.values.length > 0 && !option.isList) {
        field = element('select', shared, element('option', { value: '' }, option.default ?? ''),
          option.values.map((/** @type {any} */ word) => element('option', { value: word.name }, word.name)));
      } else {
        const placeholder = option.default ?? (option.values.length > 0 ? option.values.map((/** @type {any} */ word) => word.name).join(',') : option.value);
        field = element('input', { type: option.isSecret ? 'password' : 'text', autocomplete: 'off', placeholder, ...shared });
      }
      return element('label', {}, option.name, ' ', field, element('span', { class: 'help' }, option.help));
    }));
  };
  choice.addEventListener('change', () => { show(); write(); });
  show();
  return element('form', { onsubmit: async (/** @type {Event} */ event) => {
    event.preventDefault();
    try { await submit(text.value.trim()); } catch (error) { say(String(/** @type {Error} */ (error).message)); }
  } },
  element('div', { class: 'row' }, element('label', { for: 'resubmit' }, 'Processing option'), text, element('button', { type: 'submit', class: 'main' }, 'Process again')),
  element('details', {}, element('summary', {}, 'Choose by form'),
    element('div', { class: 'row' }, element('label', { for: 'operation' }, 'Operation'), choice), about, fields));
}
