// The page around the pages.

import { keepToken, onToken, token } from './api.js';
import { still } from './connection.js';
import { h, put } from './dom.js';
import { isPaused, pause } from './live.js';
import { route } from './router.js';
import { barriers } from './pages/barriers.js';
import { events } from './pages/events.js';
import { job } from './pages/job.js';
import { locks } from './pages/locks.js';
import { queue } from './pages/queue.js';
import { queues } from './pages/queues.js';
import { schedules } from './pages/schedules.js';
import { semaphores } from './pages/semaphores.js';

const KINDS = ['queues', 'locks', 'events', 'semaphores', 'barriers', 'schedules'];
const PAGES = [
  ['', queues],
  ['queues', queues],
  ['queues/:name', queue],
  ['queues/:name/jobs/:id', job],
  ['locks', locks],
  ['events', events],
  ['semaphores', semaphores],
  ['barriers', barriers],
  ['schedules', schedules],
];

const links = KINDS.map((kind) => h('a', { href: `#/${kind}` }, kind[0].toUpperCase() + kind.slice(1)));
put(document.getElementById('nav'), links);

// By its address it would be taken for a page.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});

const halt = document.getElementById('pause');
halt.addEventListener('click', () => {
  pause(!isPaused());
  halt.textContent = isPaused() ? 'Resume' : 'Pause';
  halt.setAttribute('aria-pressed', String(isPaused()));
  halt.setAttribute('aria-label', isPaused() ? 'Resume refreshing' : 'Pause refreshing');
  if (isPaused()) still();
});
halt.setAttribute('aria-label', 'Pause refreshing');

const forget = document.getElementById('forget');
forget.addEventListener('click', () => keepToken(''));

const again = route(PAGES, (parts) => {
  const kind = parts[0] ?? 'queues';
  KINDS.forEach((name, at) => {
    if (name === kind) {
      links[at].setAttribute('aria-current', 'page');
      // On a phone not all of them fit.
      links[at].scrollIntoView({ block: 'nearest', inline: 'nearest' });
    } else {
      links[at].removeAttribute('aria-current');
    }
  });
});

const known = () => { forget.hidden = token() === ''; };
known();
onToken(() => {
  known();
  again();
});
