// What is known of the server: it answers, or why it does not. Said in one place of the page.

import { button, put, text } from './dom.js';
import { keepToken, token } from './api.js';
import { form } from './dialog.js';

const pulse = document.getElementById('pulse');
const said = document.getElementById('pulse-text');
const trouble = document.getElementById('trouble');
let asking = false;

/** The server answered. */
export function well() {
  state('live', 'live');
  clear();
}

/** Nothing is asked for a while. */
export function still() {
  state('paused', 'paused');
}

/** Nobody waits for the server any more to say what is wrong: a page begins anew. */
export function clear() {
  trouble.hidden = true;
  trouble.dataset.code = '';
}

/** The server refused, or did not answer; it is asked again in `after` milliseconds. */
export function lost(problem, after) {
  if (problem.status === 401) {
    state('lost', 'needs a token');
    show('401', 'This server wants to know who asks.', button('Enter a token', askToken, { look: 'main' }));
    if (!asking && trouble.dataset.dismissed !== token()) askToken();
  } else if (problem.status === 403) {
    state('lost', 'not allowed');
    show('403', `Your token does not have the right for this: ${problem.message}`,
      button('Use another token', askToken, { look: 'main' }));
  } else if (problem.status === 0 || problem.status >= 500) {
    state('lost', 'reconnecting');
    const again = after ? ` Next try in ${Math.max(1, Math.round(after / 1000))} s.` : '';
    show('unreachable', `${problem.message} What you see may be old; it is tried again by itself.${again}`);
  } else {
    state('lost', 'refused');
    show(String(problem.status), problem.message);
  }
}

/** Asks for a token and begins anew with it. */
export async function askToken() {
  asking = true;
  const tried = token();
  const done = await form({
    title: 'A token, please',
    tell: [
      tried ? 'The server does not take the token of this tab.' : 'This server answers only those who have a token.',
      'It is kept until this tab is closed, and is sent to this server alone. Make one with “awaitd token create”.',
    ],
    fields: [{ name: 'token', label: 'Token', type: 'password', required: true }],
    confirm: 'Use it',
    run: async ({ token: value }) => keepToken(value.trim()),
  });
  // Who does not want to say is not asked again until there is another token to be refused.
  if (done) delete trouble.dataset.dismissed;
  else trouble.dataset.dismissed = token();
  asking = false;
}

function state(kind, words) {
  if (pulse.dataset.state !== kind) pulse.dataset.state = kind;
  text(said, words);
}

function show(code, words, ...more) {
  // An alert that is the same is not to be read out again.
  if (trouble.dataset.code === code && !trouble.hidden) {
    text(trouble.firstChild, words);
    return;
  }
  trouble.dataset.code = code;
  const line = document.createElement('span');
  line.textContent = words;
  put(trouble, line, ...more);
  trouble.hidden = false;
}
