// Which page the address names. A page is a function of the main element, its part of the address, and a signal that fires
// when it is left.

import { isName } from './api.js';
import { h, put } from './dom.js';
import { clear } from './connection.js';

const main = document.getElementById('main');
let left = new AbortController();
let first = true;

/** Shows the page of the address, now and whenever it changes. `pages` are `[pattern, page]`; a `:part` is a name. */
export function route(pages, shown) {
  const go = () => open(pages, shown);
  window.addEventListener('hashchange', go);
  go();
  return go;
}

/** The address in parts, which are names and nothing else; null if they are not. */
export function parse(hash) {
  const [way] = hash.replace(/^#\/?/, '').split('?');
  if (way === '') return [];
  try {
    const parts = way.split('/').map(decodeURIComponent);
    return parts.every(isName) ? parts : null;
  } catch {
    return null;
  }
}

function match(pattern, parts) {
  const wanted = pattern === '' ? [] : pattern.split('/');
  if (wanted.length !== parts.length) return null;
  const found = {};
  for (const [at, part] of wanted.entries()) {
    if (part.startsWith(':')) found[part.slice(1)] = parts[at];
    else if (part !== parts[at]) return null;
  }
  return found;
}

function open(pages, shown) {
  left.abort();
  left = new AbortController();
  clear();
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  const parts = parse(window.location.hash);
  put(main);
  const found = parts && pages.map(([pattern, page]) => [page, match(pattern, parts)]).find(([, names]) => names);
  if (found) found[0](main, found[1], left.signal);
  else put(main, h('h1', { tabindex: -1 }, 'Nothing here'), h('p', {}, h('a', { href: '#/queues' }, 'All queues')));
  const heading = main.querySelector('h1');
  document.title = heading ? `${heading.dataset.title ?? heading.textContent} · awaitd` : 'awaitd';
  shown(parts ?? []);
  window.scrollTo(0, 0);
  // Who reads the page aloud is told that it is another one; at the start the browser does so itself.
  if (!first) heading?.focus({ preventScroll: true });
  first = false;
}
