// Schedules: what is put when.

import { h, text } from '../dom.js';
import { distance, instant, NONE } from '../format.js';
import { hint } from '../hints.js';
import { list, named } from './list.js';

export function schedules(main, _, signal) {
  list(main, signal, {
    kind: 'schedules',
    title: 'Schedules',
    about: 'A job at each of their times, once, also after a restart.',
    empty: () => hint('No schedule yet: one is made by saying when to put what where.',
      '-X', 'PUT', '-d', `'{"cron": "0 3 * * *", "queue": "nightly", "body": "go"}'`, '/v1/schedules/nightly'),
    columns: () => [
      named(),
      { title: 'Times', class: 'mono', text: ({ cron }) => cron },
      { title: 'Zone', text: ({ timezone }) => timezone },
      {
        title: 'Queue', sort: ({ queue }) => queue,
        make: (current) => h('a', { href: `#/queues/${encodeURIComponent(current().queue)}` }),
        fresh: (node, { queue }) => {
          node.setAttribute('href', `#/queues/${encodeURIComponent(queue)}`);
          text(node, queue);
        },
      },
      {
        title: 'Next', sort: ({ next_at: next }) => next,
        text: ({ next_at: next }) => (next ? `${instant(next)} (${distance(next)})` : NONE),
      },
      { title: 'Last', text: ({ last_at: last }) => (last ? distance(last) : 'never') },
      { title: 'If missed', text: ({ catch_up: missed }) => missed },
    ],
  });
}
