// One job: all that is known of it.

import { cancelJob, retryJob } from '../actions.js';
import { json, path, Problem } from '../api.js';
import { button, h, put } from '../dom.js';
import { bytes, count, distance, instant } from '../format.js';
import { poll } from '../live.js';

/** Of a long text so much is shown at first. */
const MUCH = 4000;

export function job(main, { name, id }, signal) {
  const inside = h('div', { class: 'job' }, h('p', {}, 'Loading…'));
  const retry = button('Retry…', () => retryJob(name, id).then(again), { hidden: true });
  const cancel = button('Cancel…', () => cancelJob(name, id, state).then(again), { look: 'danger', hidden: true });
  let state = '';
  let shown = '';
  put(main,
    h('nav', { class: 'way', 'aria-label': 'Where this is' },
      h('a', { href: '#/queues' }, 'Queues'), ' / ', h('a', { href: `#/queues/${encodeURIComponent(name)}` }, name)),
    h('div', { class: 'head' },
      h('h1', { tabindex: -1, data: { title: `Job ${id} of ${name}` } }, `Job ${id}`),
      h('div', { class: 'tools' }, retry, cancel)),
    inside);

  const again = poll(async () => {
    let told;
    try {
      told = await json('GET', path('queues', name, 'jobs', id), { signal });
    } catch (error) {
      if (!(error instanceof Problem) || ![404, 410].includes(error.status)) throw error;
      retry.hidden = true;
      cancel.hidden = true;
      shown = '';
      put(inside, h('div', { class: 'empty' },
        h('p', {}, 'This job is not here any more: it is done, was cancelled, or was put anew under another number.')));
      return;
    }
    state = told.state;
    retry.hidden = state !== 'dead' && state !== 'delayed';
    cancel.hidden = state === 'done';
    // What has not changed stays as it is, with what is selected or opened in it.
    const seen = JSON.stringify({ ...told, leased: told.leased?.fence });
    if (seen === shown) return;
    shown = seen;
    put(inside, facts(told), texts(told));
  }, signal);
}

function facts(job) {
  const time = (at) => (at ? `${instant(at)} (${distance(at)})` : null);
  const { died, leased } = job;
  const rows = [
    ['State', h('span', { class: 'badge', data: { kind: { dead: 'bad', leased: 'on' }[job.state] ?? '' } }, job.state)],
    ['Put', time(job.enqueued_at)],
    ['Ready', time(job.ready_at)],
    ['Attempts', job.max_attempts ? `${count(job.attempts)} of ${count(job.max_attempts)}` : count(job.attempts)],
    ['Key', job.key],
    ['Unique', job.unique],
    ['Priority key', job.priority_key],
    ['Expires', time(job.expires_at)],
    ['Lease', job.lease_length === undefined ? null : `${job.lease_length} s`],
    ['Worked on', leased ? `fence ${leased.fence}` : null],
    ['Died in', died?.queue],
    ['Died of', died?.reason],
    ['Died', time(died?.died_at)],
    ['Attempts then', died ? count(died.attempts) : null],
    ['Type', job.content_type],
    ['Size', job.bytes === undefined ? null : bytes(job.bytes)],
  ];
  const known = rows.filter(([, value]) => value !== null && value !== undefined);
  return h('dl', { class: 'told' }, known.map(([title, value]) => h('div', {}, h('dt', {}, title), h('dd', {}, value))));
}

function texts(job) {
  const headers = Object.entries(job.headers ?? {});
  return [
    job.error ? long('Last error', job.error, 'bad') : null,
    job.died?.error && job.died.error !== job.error ? long('Error that it died of', job.died.error, 'bad') : null,
    job.progress ? body('Progress', job.progress) : null,
    job.result ? body('Result', job.result) : null,
    job.body === undefined && job.body_base64 === undefined ? null : body('Body', job),
    headers.length === 0 ? null : h('section', {}, h('h2', {}, 'Headers'),
      h('dl', { class: 'headers' }, headers.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))))),
  ];
}

/** A body is shown as it came: parsed and written anew, large numbers would be other ones. */
function body(title, told) {
  if (told.body_base64 !== undefined) return long(`${title}, which is not text, in base64`, told.body_base64);
  return long(title, told.body ?? '');
}

function long(title, words, kind = '') {
  const section = h('section', {}, h('h2', {}, title));
  if (words === '') {
    section.append(h('p', { class: 'about' }, 'It is empty.'));
    return section;
  }
  const text = h('pre', { class: kind, tabindex: 0, 'aria-label': title }, words.length > MUCH ? words.slice(0, MUCH) : words);
  section.append(text);
  if (words.length > MUCH) {
    const all = button(`Show all ${count(words.length)} characters`, () => {
      text.textContent = words;
      all.remove();
      text.focus();
    });
    section.append(all);
  }
  return section;
}
