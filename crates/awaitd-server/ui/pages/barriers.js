// Barriers: how many of their parties are there.

import { endBarrier } from '../actions.js';
import { button, h, text } from '../dom.js';
import { count } from '../format.js';
import { hint } from '../hints.js';
import { acts, list, named } from './list.js';

export function barriers(main, _, signal) {
  list(main, signal, {
    kind: 'barriers',
    title: 'Barriers',
    about: 'Nobody goes on before all are there.',
    empty: () => hint('No barrier yet: one is made by saying for how many it is.',
      '-X', 'PUT', '-d', `'{"parties": 3}'`, '/v1/barriers/start'),
    columns: (refresh) => [
      named(),
      {
        title: 'State', sort: ({ broken }) => broken,
        make: () => h('span', { class: 'badge' }),
        fresh: (node, { broken, waiting }) => {
          text(node, broken ? 'broken' : waiting > 0 ? 'filling' : 'idle');
          node.dataset.kind = broken ? 'bad' : waiting > 0 ? 'on' : 'off';
        },
      },
      {
        title: 'There', class: 'number', sort: ({ waiting }) => waiting,
        text: ({ waiting, parties }) => `${count(waiting)} of ${count(parties)}`,
      },
      { title: 'Generation', class: 'number', sort: ({ generation }) => generation, text: ({ generation }) => count(generation) },
      acts((current) => [
        button('Reset…', () => endBarrier(current().name, 'reset').then(refresh)),
        button('Abort…', () => endBarrier(current().name, 'abort').then(refresh), { look: 'danger' }),
      ]),
    ],
  });
}
