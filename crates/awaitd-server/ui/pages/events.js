// Events: set or not, and what they were set to.

import { clearEvent, setEvent } from '../actions.js';
import { ask, path, Problem } from '../api.js';
import { show, told } from '../dialog.js';
import { button, h, text } from '../dom.js';
import { count } from '../format.js';
import { hint } from '../hints.js';
import { acts, list, named } from './list.js';

export function events(main, _, signal) {
  list(main, signal, {
    kind: 'events',
    title: 'Events',
    about: 'Once set, everybody who waits goes on.',
    tools: (refresh) => button('Set an event…', () => setEvent().then(refresh)),
    empty: () => hint('No event yet: one is there when it is first set or waited for.', '-X', 'PUT', '-d', 'ready', '/v1/events/deployed'),
    columns: (refresh) => [
      named(),
      {
        title: 'State', sort: ({ set }) => set,
        make: () => h('span', { class: 'badge' }),
        fresh: (node, { set }) => {
          text(node, set ? 'set' : 'not set');
          node.dataset.kind = set ? 'on' : 'off';
        },
      },
      { title: 'Generation', class: 'number', sort: ({ generation }) => generation, text: ({ generation }) => count(generation) },
      acts(
        (current) => [
          button('Value', () => value(current().name)),
          button('Set…', () => setEvent(current().name).then(refresh)),
          button('Clear…', () => clearEvent(current().name).then(refresh)),
        ],
        ([look, , clear], { set }) => {
          look.hidden = !set;
          clear.hidden = !set;
        },
      ),
    ],
  });
}

async function value(name) {
  try {
    const answer = await ask('GET', path('events', name));
    const words = await answer.text();
    const about = `Generation ${answer.headers.get('Awaitd-Generation')}, ${answer.headers.get('Content-Type')}`;
    show(`The value of ${name}`, h('p', {}, about), words ? h('pre', { tabindex: 0 }, words) : h('p', {}, 'It is empty.'));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    show(`The value of ${name}`, h('p', {}, told(error)));
  }
}
