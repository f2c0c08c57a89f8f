// One queue, live: its numbers, its last hour or day, its jobs, and what it was told to be.

import { pauseQueue, purgeQueue, redriveQueue, resumeQueue } from '../actions.js';
import { json, path, Problem } from '../api.js';
import { chart } from '../chart.js';
import { button, h, put, text } from '../dom.js';
import { bytes, clock, count, NONE, rate, seconds } from '../format.js';
import { hint } from '../hints.js';
import { learn, rateOf, rates } from '../rates.js';
import { watch } from '../watch.js';
import { jobs } from './jobs.js';

const asof = document.getElementById('asof');

/** So many steps, of so many seconds, are an hour and a day. */
const MOST = { 1: 3600, 60: 1440 };

export function queue(main, { name }, signal) {
  let now;
  const badge = h('span', { class: 'badge', data: { kind: 'warn' }, hidden: true });
  const hold = button('Pause…', () => (now?.paused ? resumeQueue(name) : pauseQueue(name)));
  const list = jobs(name, signal);
  const after = (done) => done && list.refresh();
  const tiles = numbers();
  const past = history(name, signal, show);
  const told = h('div', {});
  const tools = h('div', { class: 'tools' }, hold,
    button('Redrive…', () => redriveQueue(name).then(after)),
    button('Purge…', () => purgeQueue(name).then(after), { look: 'danger' }));
  put(main,
    h('nav', { class: 'way', 'aria-label': 'Where this is' }, h('a', { href: '#/queues' }, 'Queues')),
    h('div', { class: 'head' },
      h('h1', { tabindex: -1, data: { title: name } }, name, badge), tools),
    tiles.node, past.node, list.node,
    h('section', { 'aria-labelledby': 'told' }, h('h2', { id: 'told' }, 'Configuration'), told));

  function show(state) {
    const before = now;
    now = state.queues.find((queue) => queue.name === name) ?? null;
    text(asof, `as of ${clock(new Date(state.time))}`);
    if (before === undefined || !before !== !now) configuration(name, told, signal);
    tools.hidden = !now;
    if (!now) {
      badge.hidden = false;
      text(badge, 'not there');
      return;
    }
    badge.hidden = !now.paused && !now.shut_down;
    text(badge, now.shut_down ? 'shut down' : 'paused');
    text(hold, now.paused ? 'Resume…' : 'Pause…');
    tiles.show(now);
    list.counts(now);
  }
}

/** The numbers of this moment. */
function numbers() {
  const groups = [
    ['Ready', 'ready'], ['Delayed', 'delayed'], ['Leased', 'leased'], ['Dead', 'dead'], ['Oldest', 'oldest'],
    ['Wait p50 · p95 · p99', 'wait'], ['Put · got · done /s', 'speed'], ['Waiting to put · get · join', 'waiters'],
  ];
  const tiles = Object.fromEntries(groups.map(([title, key]) => {
    const value = h('b', {}, NONE);
    const small = h('small', {});
    return [key, { value, small, node: h('div', { class: 'tile', data: { kind: key } }, h('span', {}, title), h('div', {}, value, small)) }];
  }));
  const three = (values, write) => values.map(write).join(' · ');
  return {
    node: h('div', { class: 'tiles' }, Object.values(tiles).map(({ node }) => node)),
    show(queue) {
      const speed = rates(queue.name);
      const waits = queue.waiting;
      for (const key of ['ready', 'delayed', 'leased', 'dead']) text(tiles[key].value, count(queue[key]));
      text(tiles.ready.small, queue.maxsize ? ` of ${count(queue.maxsize)}` : ' no bound');
      tiles.dead.node.classList.toggle('some', queue.dead > 0);
      text(tiles.oldest.value, seconds(queue.oldest_ready_age));
      text(tiles.wait.value, three([queue.wait_p50, queue.wait_p95, queue.wait_p99], seconds));
      text(tiles.speed.value, three([speed.put, speed.got, speed.done], rate));
      text(tiles.waiters.value, three([waits.put, waits.get, waits.join], count));
    },
  };
}

/** The charts, of the last hour or day; hands each state on to `each`. */
function history(name, signal, each) {
  const charts = [
    [['ready', 'leased'], chart({ title: 'Jobs', series: [{ name: 'ready', kind: 'one' }, { name: 'leased', kind: 'two' }], format: count, least: 2 })],
    [['put', 'got', 'done'], chart({
      title: 'A second', format: rate, least: 0.2,
      series: [{ name: 'put', kind: 'one' }, { name: 'got', kind: 'two' }, { name: 'done', kind: 'three' }],
    })],
    [['wait_p99'], chart({ title: 'Wait, p99', series: [{ name: 'p99', kind: 'one' }], format: seconds, least: 0.002 })],
  ];
  const choices = [['hour', 'Last hour'], ['day', 'Last day']].map(([span, label]) => [
    span, button(label, () => begin(span), { 'aria-pressed': 'false' }),
  ]);
  let past = null;
  let turn = new AbortController();

  function begin(span) {
    turn.abort();
    turn = new AbortController();
    past = null;
    for (const [other, choice] of choices) choice.setAttribute('aria-pressed', String(other === span));
    const heard = {
      history: (told) => {
        past = perSecond(told);
        draw();
      },
      absent: () => each({ time: new Date(), queues: [] }),
      state: (state) => {
        learn(state);
        each(state);
        if (past?.step === 1) grow(state);
        else if (past && new Date(state.time) - new Date(past.end) > 90000) begin(span);
      },
    };
    watch({ queue: name, history: span }, heard, AbortSignal.any([signal, turn.signal]));
  }

  /** The state of a second is the newest of the last hour. */
  function grow(state) {
    const queue = state.queues.find((one) => one.name === name);
    if (!queue || new Date(state.time) <= new Date(past.end)) return;
    const sample = { ...queue, put: rateOf(name, 'put'), got: rateOf(name, 'got'), done: rateOf(name, 'done') };
    // As long as nothing is known of its begin, what is new takes the place of that.
    const full = past.values.ready[0] === null || past.values.ready.length >= MOST[1];
    for (const [key, list] of Object.entries(past.values)) past.values[key] = [...list.slice(full ? 1 : 0), sample[key] ?? null];
    past.end = state.time;
    draw();
  }

  function draw() {
    for (const [keys, drawn] of charts) {
      drawn.show({ step: past.step, end: past.end, values: keys.map((key) => past.values[key]) });
    }
  }

  begin('hour');
  return {
    node: h('section', { 'aria-labelledby': 'history' },
      h('div', { class: 'bar' },
        h('h2', { id: 'history' }, 'History'),
        h('div', { class: 'choices', role: 'group', 'aria-label': 'How far back' }, choices.map(([, choice]) => choice))),
      h('div', { class: 'charts' }, charts.map(([, drawn]) => drawn.node))),
  };
}

/**
 * What is told by the step is shown by the second. Of a time of which nothing is known so much is shown as makes five minutes,
 * or an hour of the day.
 */
function perSecond({ step, end, ...told }) {
  const unknown = told.ready.findIndex((value) => value !== null);
  const known = unknown < 0 ? 0 : told.ready.length - unknown;
  const long = Math.min(MOST[step], Math.max(step === 1 ? 300 : 60, known));
  const values = {};
  for (const key of ['ready', 'leased', 'put', 'got', 'done', 'wait_p99']) {
    const by = ['put', 'got', 'done'].includes(key) ? step : 1;
    const list = told[key].slice(-long).map((value) => (value === null ? null : value / by));
    values[key] = [...Array(long - list.length).fill(null), ...list];
  }
  return { step, end, values };
}

async function configuration(name, told, signal) {
  let queue;
  try {
    queue = await json('GET', path('queues', name), { signal });
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    const words = error.status === 404
      ? hint('There is no such queue at the moment. It is made by the first put, or by', '-X', 'PUT', '-d', "'{}'", `/v1/queues/${name}`)
      : [h('p', {}, error.message)];
    put(told, h('div', { class: 'empty table' }, words));
    return;
  }
  const { backoff, rate: gets } = queue;
  const rows = [
    ['Bound', queue.maxsize ? count(queue.maxsize) : 'none'],
    ['When full', queue.full === 'wait' ? 'puts wait' : 'the oldest is dropped'],
    ['Order', queue.order],
    ['Lease', seconds(queue.lease)],
    ['Attempts', count(queue.max_attempts)],
    ['Backoff', `${seconds(backoff.min)} to ${seconds(backoff.max)}, × ${backoff.factor}, ± ${Math.round(backoff.jitter * 100)} %`],
    ['Dead letters', queue.dead_letter ? h('a', { href: `#/queues/${encodeURIComponent(queue.dead_letter)}` }, queue.dead_letter) : 'stay here'],
    ['Time to live', queue.ttl === null ? 'none' : seconds(queue.ttl)],
    ['Bytes', queue.max_bytes === null ? 'no bound' : bytes(queue.max_bytes)],
    ['Gets', gets ? `${gets.per_second} /s, ${count(gets.burst)} at once` : 'no limit'],
    ['At one time', queue.concurrency === null ? 'no limit' : count(queue.concurrency)],
    ['Of one key', `${count(queue.key_concurrency)}${queue.fair ? ', in turn' : ''}`],
    ['Most leased', count(queue.max_leased)],
    ['Most dead', count(queue.max_dead)],
    ['Results kept', seconds(queue.retain)],
  ];
  put(told, h('dl', { class: 'told' }, rows.map(([title, value]) => h('div', {}, h('dt', {}, title), h('dd', {}, value)))));
}
