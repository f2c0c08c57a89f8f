// What is shown where there is nothing yet: how to make it be, in a line that can be copied.

import { curl } from './api.js';
import { say } from './dialog.js';
import { button, h } from './dom.js';

export function hint(words, ...parts) {
  const line = curl(...parts);
  const code = h('code', { tabindex: 0 }, line);
  const copy = button('Copy', async () => {
    try {
      await navigator.clipboard.writeText(line);
      say('Copied.');
    } catch {
      // Without a secure origin there is no clipboard: then it is at least selected.
      window.getSelection().selectAllChildren(code);
      say('Selected: copy it with the keyboard.');
    }
  });
  return [h('p', {}, words), h('div', { class: 'curl' }, code, copy)];
}
