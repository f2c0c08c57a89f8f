// Locks: who holds them, who waits.

import { breakLock } from '../actions.js';
import { button, h, text } from '../dom.js';
import { count } from '../format.js';
import { hint } from '../hints.js';
import { acts, holders, list, named } from './list.js';

export function locks(main, _, signal) {
  list(main, signal, {
    kind: 'locks',
    title: 'Locks',
    about: 'One holder, or many who share; first come, first served.',
    empty: () => hint('No lock yet: one is there when it is first acquired.',
      '-X', 'POST', '/v1/locks/deploy/acquire?owner=me'),
    columns: (refresh) => [
      named(),
      {
        title: 'State', sort: ({ locked }) => locked,
        make: () => h('span', { class: 'badge' }),
        fresh: (node, lock) => {
          text(node, !lock.locked ? 'free' : lock.mode === 'shared' ? `shared by ${lock.holders.length}` : 'locked');
          node.dataset.kind = lock.locked ? 'on' : 'off';
        },
      },
      holders(),
      { title: 'Waiting', class: 'number', sort: ({ waiters }) => waiters, text: ({ waiters }) => count(waiters) },
      {
        title: 'Conditions', class: 'holders',
        text: ({ conditions }) => Object.entries(conditions ?? {}).map(([name, waits]) => `${name}: ${waits}`).join(', '),
      },
      acts(
        (current) => [button('Break…', () => breakLock(current()).then(refresh), { look: 'danger' })],
        ([take], lock) => { take.hidden = !lock.locked; },
      ),
    ],
  });
}
