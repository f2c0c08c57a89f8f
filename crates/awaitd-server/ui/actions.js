// What can be done from here. Each asks first, and says what will happen.

import { ask, json, path, Problem } from './api.js';
import { form } from './dialog.js';
import { count } from './format.js';

const WAITING = [['ready', 'ready'], ['delayed', 'delayed'], ['dead', 'dead']];

function jobs(number) {
  return `${count(number)} ${number === 1 ? 'job' : 'jobs'}`;
}

export function pauseQueue(name) {
  return form({
    title: `Pause ${name}?`,
    tell: ['Workers get no more jobs of this queue until it is resumed. Puts are taken, and what is worked on goes on.'],
    confirm: 'Pause the queue',
    run: async () => {
      await ask('POST', `${path('queues', name)}/pause`);
      return `${name} is paused.`;
    },
  });
}

export function resumeQueue(name) {
  return form({
    title: `Resume ${name}?`,
    tell: ['Workers get jobs of this queue again, beginning now.'],
    confirm: 'Resume the queue',
    run: async () => {
      await ask('POST', `${path('queues', name)}/resume`);
      return `${name} goes on.`;
    },
  });
}

export function purgeQueue(name, state = 'dead') {
  return form({
    title: `Purge ${name}?`,
    tell: ['All its jobs in this state are dropped for good, and nobody can bring them back. What is worked on is not touched.'],
    fields: [{ name: 'state', label: 'Jobs that are', options: [...WAITING, ['done', 'done (their results)']], value: state }],
    confirm: 'Drop these jobs',
    danger: true,
    run: async (values) => {
      const { dropped } = await json('POST', `${path('queues', name)}/purge`, { query: { state: values.state } });
      return `${jobs(dropped)} dropped from ${name}.`;
    },
  });
}

export function redriveQueue(name, state = 'dead') {
  return form({
    title: `Redrive ${name}?`,
    tell: ['Its jobs in this state are put anew, with no attempts counted: each where it died, or into the queue that you name.'],
    fields: [
      { name: 'state', label: 'Jobs that are', options: WAITING, value: state },
      { name: 'to', label: 'Into the queue', hint: 'Empty: where each died, else this queue' },
      { name: 'limit', label: 'At most', pattern: '[0-9]*', hint: 'Empty: all' },
      { name: 'rate', label: 'So many a second', pattern: '[0-9.]*', hint: 'Empty: at once' },
    ],
    confirm: 'Put them anew',
    run: async (values) => {
      const query = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value.trim()]));
      const { moved, left } = await json('POST', `${path('queues', name)}/redrive`, { query });
      return `${jobs(moved)} put anew${left ? `, ${count(left)} left` : ''}.`;
    },
  });
}

export function retryJob(queue, id) {
  return form({
    title: `Retry job ${id}?`,
    tell: [`The job is put anew, with no attempts counted: where it died, else in ${queue}. Its number may be another one then.`],
    confirm: 'Retry the job',
    run: async () => {
      const { moved } = await json('POST', `${path('queues', queue)}/redrive`, { query: { id } });
      if (!moved) throw new Problem(409, '', 'It was not moved: a job with its unique value lives again.');
      return `Job ${id} is put anew.`;
    },
  });
}

export function cancelJob(queue, id, state) {
  const held = state === 'leased';
  return form({
    title: `Cancel job ${id}?`,
    tell: [
      `The job is taken out of ${queue} for good.`,
      held ? 'Somebody works on it at the moment: that worker loses its lease, and what it has done so far may stay.' : null,
    ].filter(Boolean),
    confirm: held ? 'Take it from its worker' : 'Cancel the job',
    danger: true,
    run: async () => {
      await ask('DELETE', path('queues', queue, 'jobs', id), { query: { force: held ? 'true' : '' } });
      return `Job ${id} is cancelled.`;
    },
  });
}

export function breakLock(lock) {
  const holders = lock.holders.map(({ owner, fence }) => `${owner || 'a holder without a name'} (fence ${fence})`);
  return form({
    title: `Break ${lock.name}?`,
    tell: [
      `The lock is taken from ${holders.join(', ')}.`,
      'Whoever has it is not asked and may still act: only a resource that checks fences refuses it. The next in line gets the lock.',
    ],
    confirm: 'Break the lock',
    danger: true,
    run: async () => {
      await ask('POST', `${path('locks', lock.name)}/break`);
      return `${lock.name} is broken.`;
    },
  });
}

export function setEvent(name = '') {
  const fields = [{ name: 'value', label: 'Value', type: 'area', hint: 'A text that is given to whoever waits; may be empty' }];
  if (!name) fields.unshift({ name: 'name', label: 'Name', required: true, pattern: '[A-Za-z0-9][A-Za-z0-9._:\\-]{0,127}' });
  return form({
    title: name ? `Set ${name}?` : 'Set an event',
    tell: ['Everybody who waits for it goes on, and it stays set until it is cleared. It gets a new generation.'],
    fields,
    confirm: 'Set the event',
    run: async (values) => {
      const event = name || values.name.trim();
      await ask('PUT', path('events', event), { body: values.value, type: 'text/plain; charset=utf-8' });
      return `${event} is set.`;
    },
  });
}

export function clearEvent(name) {
  return form({
    title: `Clear ${name}?`,
    tell: ['Whoever waits for it from now on waits until it is set again.'],
    confirm: 'Clear the event',
    run: async () => {
      await ask('DELETE', path('events', name));
      return `${name} is cleared.`;
    },
  });
}

export function endBarrier(name, how) {
  const what = {
    reset: ['Reset', 'Whoever waits at it is sent away with an error, and it can be used again at once.', 'is reset'],
    abort: ['Abort', 'Whoever waits at it, or comes later, is sent away with an error until it is reset.', 'is aborted'],
  }[how];
  return form({
    title: `${what[0]} ${name}?`,
    tell: [what[1]],
    confirm: `${what[0]} the barrier`,
    danger: true,
    run: async () => {
      await ask('POST', `${path('barriers', name)}/${how}`);
      return `${name} ${what[2]}.`;
    },
  });
}
