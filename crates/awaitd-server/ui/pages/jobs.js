// The jobs of a queue: by state, by key or number, in pages.

import { cancelJob, retryJob } from '../actions.js';
import { json, path, Problem } from '../api.js';
import { button, h, text } from '../dom.js';
import { bytes, count, distance, NONE, seconds, short } from '../format.js';
import { hint } from '../hints.js';
import { poll } from '../live.js';
import { table } from '../table.js';
import { acts } from './list.js';

const STATES = ['all', 'ready', 'delayed', 'leased', 'dead', 'done'];
const PAGE = 50;

/** A section to put into the page: `node`, `refresh`, and `counts(queue)` for the numbers at the states. */
export function jobs(name, signal) {
  let state = 'all';
  let cursor = null;
  let next = null;
  const grid = table({ caption: `Jobs of ${name}`, columns: columns(name, () => refresh()), key: ({ job }) => job, empty: h('p', {}, 'Loading…') });
  const tabs = STATES.map((one) => {
    const many = h('span', { class: 'many' });
    const tab = button('', () => choose(one), { 'aria-pressed': String(one === state) });
    tab.append(one, many);
    return { one, tab, many };
  });
  const by = h('select', { 'aria-label': 'Search by', on: { change: () => turn(null) } },
    h('option', { value: 'key' }, 'Key'), h('option', { value: 'id' }, 'Number'));
  const search = h('input', {
    type: 'search', placeholder: 'Search', 'aria-label': 'Key or number to search for', autocomplete: 'off', spellcheck: 'false',
    on: { input: () => turn(null) },
  });
  const begin = button('First page', () => turn(null), { hidden: true });
  const more = button('Next page', () => turn(next), { hidden: true });

  function choose(one) {
    state = one;
    for (const tab of tabs) tab.tab.setAttribute('aria-pressed', String(tab.one === one));
    turn(null);
  }

  function turn(to) {
    cursor = to;
    refresh();
  }

  const load = async () => {
    const what = search.value.trim();
    const asked = JSON.stringify([state, cursor, by.value, what]);
    const page = by.value === 'id' && what ? await one(name, what, signal) : await some(what);
    if (asked !== JSON.stringify([state, cursor, by.value, search.value.trim()])) return;
    next = page.cursor;
    begin.hidden = cursor === null;
    more.hidden = next === null;
    if (page.items.length === 0) grid.say(...nothing(what));
    grid.update(page.items);
  };

  async function some(key) {
    const query = { state: state === 'all' ? '' : state, key, cursor, limit: PAGE };
    try {
      return await json('GET', `${path('queues', name)}/jobs`, { query, signal });
    } catch (error) {
      // The page says elsewhere that the queue is not there.
      if (error.status === 404) return { items: [], cursor: null };
      throw error;
    }
  }

  function nothing(what) {
    if (what) return [h('p', {}, by.value === 'id' ? 'No job has this number.' : 'No job has this key.')];
    if (state !== 'all') return [h('p', {}, `No job is ${state}.`)];
    return hint('No job is here. To put one:', '-d', 'hello', `/v1/queues/${name}/jobs`);
  }

  const refresh = poll(load, signal);
  const node = h('section', { 'aria-labelledby': 'jobs' },
    h('div', { class: 'bar' },
      h('h2', { id: 'jobs' }, 'Jobs'),
      h('div', { class: 'choices', role: 'group', 'aria-label': 'State of the jobs' }, tabs.map(({ tab }) => tab)),
      h('div', { class: 'tools search' }, by, search)),
    grid.node, h('div', { class: 'pages' }, begin, more));
  return {
    node,
    refresh,
    counts(queue) {
      for (const { one, many } of tabs) text(many, one in queue && typeof queue[one] === 'number' && one !== 'done' ? count(queue[one]) : '');
    },
  };
}

async function one(name, id, signal) {
  if (!/^\d{1,16}$/.test(id)) return { items: [], cursor: null };
  try {
    return { items: [await json('GET', path('queues', name, 'jobs', id), { signal })], cursor: null };
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return { items: [], cursor: null };
    throw error;
  }
}

function columns(name, refresh) {
  return [
    {
      title: 'Number', class: 'name',
      make: (current) => h('a', { href: `#/queues/${encodeURIComponent(name)}/jobs/${current().job}` }, String(current().job)),
    },
    {
      title: 'State',
      make: () => h('span', { class: 'badge' }),
      fresh: (node, job) => {
        text(node, job.state);
        node.dataset.kind = { dead: 'bad', leased: 'on', done: 'off', delayed: 'off' }[job.state] ?? '';
      },
    },
    { title: 'Put', text: ({ enqueued_at: at }) => distance(at) },
    { title: 'Next', text: next },
    { title: 'Attempts', class: 'number', text: ({ attempts }) => count(attempts) },
    { title: 'Key', class: 'long', text: ({ key }) => (key ? short(key, 40) : NONE) },
    { title: 'Size', class: 'number', text: (job) => bytes(job.bytes) },
    { title: 'Last error', class: 'long', text: (job) => short(job.error ?? job.died?.error ?? NONE, 80) },
    acts(
      (current) => [
        button('Retry…', () => retryJob(name, current().job).then(refresh)),
        button('Cancel…', () => cancelJob(name, current().job, current().state).then(refresh), { look: 'danger' }),
      ],
      ([retry, cancel], { job, state }) => {
        retry.hidden = state !== 'dead' && state !== 'delayed';
        cancel.hidden = state === 'done';
        retry.setAttribute('aria-label', `Retry job ${job}…`);
        cancel.setAttribute('aria-label', `Cancel job ${job}…`);
      },
    ),
  ];
}

/** When it goes on: it is due, or its lease ends. */
function next({ state, ready_at: ready, leased }) {
  if (state === 'leased' && leased) return `lease ends in ${seconds(Math.max(0, Math.ceil(leased.expires_in)))}`;
  if (state === 'delayed') return distance(ready);
  return NONE;
}
