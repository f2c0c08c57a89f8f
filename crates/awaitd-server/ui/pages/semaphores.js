// Semaphores: permits and who holds them.

import { h } from '../dom.js';
import { count } from '../format.js';
import { hint } from '../hints.js';
import { holders, list, named } from './list.js';

export function semaphores(main, _, signal) {
  list(main, signal, {
    kind: 'semaphores',
    title: 'Semaphores',
    about: 'So many at one time, and no more.',
    empty: () => hint('No semaphore yet: one is made by saying how many permits it has.',
      '-X', 'PUT', '-d', `'{"permits": 3}'`, '/v1/semaphores/gpu'),
    columns: () => [
      named(),
      {
        title: 'Available', class: 'number', sort: ({ available }) => available,
        text: ({ available, permits }) => `${count(available)} of ${count(permits)}`,
      },
      {
        title: 'In use',
        make: () => h('meter', { min: 0, 'aria-label': 'Permits in use' }),
        fresh: (node, { available, permits }) => {
          node.max = Math.max(1, permits);
          node.value = permits - available;
        },
      },
      { title: 'Bounded', text: ({ bounded }) => (bounded ? 'yes' : 'no') },
      holders(),
      { title: 'Waiting', class: 'number', sort: ({ waiters }) => waiters, text: ({ waiters }) => count(waiters) },
    ],
  });
}
