// Dialogs that ask before anything is done, and the line that says what was done.

import { button, h, put } from './dom.js';

const said = document.getElementById('said');
let fading;

/** Says what happened, for a few seconds; screen readers read it out. */
export function say(words) {
  clearTimeout(fading);
  said.textContent = words;
  said.classList.add('shown');
  fading = setTimeout(() => said.classList.remove('shown'), 6000);
}

/**
 * Asks. `tell` are sentences that name what will happen; `run` gets the fields' values and may refuse by throwing, which is
 * shown and leaves the dialog open. Resolves with whether it was done.
 */
export function form({ title, tell = [], fields = [], confirm, danger = false, run }) {
  return new Promise((resolve) => {
    const inputs = fields.map(field);
    const wrong = h('p', { class: 'wrong', role: 'alert' });
    const go = h('button', { type: 'submit', class: danger ? 'danger' : 'main' }, confirm);
    const leave = button('Cancel', () => dialog.close(), { look: 'leave' });
    let done = false;
    const submit = async (event) => {
      event.preventDefault();
      go.disabled = true;
      put(wrong);
      try {
        const values = Object.fromEntries(inputs.map(({ name, input }) => [name, input.value]));
        const words = await run(values);
        done = true;
        dialog.close();
        if (words) say(words);
      } catch (error) {
        wrong.textContent = told(error);
        go.disabled = false;
        go.focus();
      }
    };
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', on: { close: closed } },
      h('form', { novalidate: false, on: { submit } },
        h('h2', { id: 'dialog-title' }, title),
        tell.map((words) => h('p', {}, words)),
        inputs.map(({ row }) => row),
        wrong,
        h('div', { class: 'buttons' }, leave, go)));
    function closed() {
      dialog.remove();
      resolve(done);
    }
    document.body.append(dialog);
    dialog.showModal();
    (inputs[0]?.input ?? (danger ? leave : go)).focus();
  });
}

/** Shows a text that may be long. */
export function show(title, ...content) {
  const close = button('Close', () => dialog.close(), { look: 'main' });
  const dialog = h('dialog', { class: 'wide', 'aria-labelledby': 'dialog-title', on: { close: () => dialog.remove() } },
    h('h2', { id: 'dialog-title' }, title), content, h('div', { class: 'buttons' }, close));
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

/** What a refusal means to whoever asked for it. */
export function told(error) {
  if (error.status === 403) return `Your token does not have the right for this: ${error.message}`;
  if (error.status === 401) return 'The server asks for a token that it knows.';
  return error.message;
}

function field({ name, label, type = 'text', options, value = '', hint, required = false, pattern }) {
  const id = `field-${name}`;
  const described = hint ? `${id}-hint` : null;
  const common = { id, name, required, 'aria-describedby': described };
  let input;
  if (options) {
    const choices = options.map(([key, words]) => h('option', { value: key, selected: key === value }, words));
    input = h('select', common, choices);
  } else if (type === 'area') {
    input = h('textarea', { ...common, rows: 5, spellcheck: 'false' }, value);
  } else {
    input = h('input', { ...common, type, value, pattern, autocomplete: 'off', spellcheck: 'false' });
  }
  const words = hint ? h('small', { id: described }, hint) : null;
  return { name, input, row: h('div', { class: 'field' }, h('label', { for: id }, label), input, words) };
}
