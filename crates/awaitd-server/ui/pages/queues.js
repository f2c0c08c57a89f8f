// All queues, live.

import { h, put, text } from '../dom.js';
import { clock, count, NONE, rate, seconds } from '../format.js';
import { sparkline } from '../chart.js';
import { hint } from '../hints.js';
import { depths, learn, rateOf } from '../rates.js';
import { table } from '../table.js';
import { watch } from '../watch.js';

const asof = document.getElementById('asof');

export function queues(main, _, signal) {
  const tiles = ['Ready', 'Delayed', 'Leased', 'Dead', 'Put', 'Done'].map((title) => {
    const value = h('b', {}, NONE);
    const unit = title === 'Put' || title === 'Done' ? h('small', {}, ' /s') : null;
    return { value, node: h('div', { class: 'tile', data: { kind: title.toLowerCase() } }, h('span', {}, title), h('div', {}, value, unit)) };
  });
  const grid = table({
    caption: 'Queues', columns: columns(), key: ({ name }) => name, empty: h('p', {}, 'Loading…'), by: 'Name',
  });
  const more = h('p', { class: 'about', hidden: true }, 'There are more queues than are shown here: say how their names begin.');
  const search = h('input', {
    type: 'search', placeholder: 'Name begins with', 'aria-label': 'Queues whose name begins with', autocomplete: 'off',
    on: { input: () => begin() },
  });
  put(main,
    h('div', { class: 'head' },
      h('h1', { tabindex: -1 }, 'Queues'), h('p', { class: 'about' }, 'What waits, what is worked on, and how long it takes.'),
      h('div', { class: 'tools' }, search)),
    h('div', { class: 'tiles' }, tiles.map(({ node }) => node)),
    grid.node, more);

  let turn = new AbortController();
  function begin() {
    turn.abort();
    turn = new AbortController();
    const prefix = search.value.trim();
    watch({ prefix }, { state: (state) => show(state, prefix) }, AbortSignal.any([signal, turn.signal]));
  }

  function show(state, prefix) {
    learn(state);
    const sum = (of) => state.queues.reduce((total, queue) => total + (of(queue) ?? 0), 0);
    const speed = (counter) => rate(sum(({ name }) => rateOf(name, counter)));
    const values = [
      count(sum(({ ready }) => ready)), count(sum(({ delayed }) => delayed)), count(sum(({ leased }) => leased)),
      count(sum(({ dead }) => dead)), speed('put'), speed('done'),
    ];
    tiles.forEach(({ value }, at) => text(value, values[at]));
    tiles[3].node.classList.toggle('some', values[3] !== '0');
    if (state.queues.length === 0) grid.say(...nothing(prefix));
    grid.update(state.queues);
    more.hidden = !state.more;
    text(asof, `as of ${clock(new Date(state.time))}`);
  }
  begin();
}

function nothing(prefix) {
  if (prefix) return [h('p', {}, 'No queue’s name begins so.')];
  return hint('No queue yet: one is there when the first job is put.', '-d', 'hello', '/v1/queues/emails/jobs');
}

function columns() {
  const number = (title, of, write = count, kind = 'number') => ({
    title, class: kind, sort: of, text: (queue) => write(of(queue)),
  });
  return [
    {
      title: 'Name', class: 'name', sort: ({ name }) => name,
      make: (current) => h('span', {}, h('a', { href: `#/queues/${encodeURIComponent(current().name)}` }, current().name), h('span', { class: 'badge', data: { kind: 'warn' }, hidden: true })),
      fresh: (node, queue) => {
        const badge = node.lastChild;
        text(badge, queue.shut_down ? 'shut down' : 'paused');
        badge.hidden = !queue.paused && !queue.shut_down;
      },
    },
    {
      title: 'Last minute', class: 'sparks',
      make: () => {
        const spark = sparkline();
        spark.node.spark = spark;
        return spark.node;
      },
      fresh: (node, { name }) => node.spark.show(depths(name)),
    },
    number('Ready', ({ ready }) => ready),
    number('Delayed', ({ delayed }) => delayed),
    number('Leased', ({ leased }) => leased),
    number('Dead', ({ dead }) => dead, count, 'number dead'),
    number('Bound', ({ maxsize }) => maxsize || null, (bound) => (bound === null ? '∞' : count(bound))),
    number('Oldest', ({ oldest_ready_age: age }) => age, seconds),
    number('Wait p50', ({ wait_p50: wait }) => wait, seconds),
    number('Wait p95', ({ wait_p95: wait }) => wait, seconds),
    number('Wait p99', ({ wait_p99: wait }) => wait, seconds),
    number('Put/s', ({ name }) => rateOf(name, 'put'), rate),
    number('Done/s', ({ name }) => rateOf(name, 'done'), rate),
  ];
}
