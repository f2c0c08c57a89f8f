// Whether the page is to move at all: it is in sight, and nobody has paused it.

import { Problem } from './api.js';
import { lost, well } from './connection.js';

const EVERY = 2000;
const moved = new EventTarget();
let paused = false;

export function isPaused() {
  return paused;
}

export function pause(on) {
  paused = on;
  moved.dispatchEvent(new Event('change'));
}

/** Is there anybody to show something to? */
export function isLive() {
  return !paused && !document.hidden;
}

/** Calls `listener` when that changes. */
export function onLive(listener, signal) {
  moved.addEventListener('change', listener, { signal });
  document.addEventListener('visibilitychange', listener, { signal });
}

/** Waits; returns early if `signal` fires or, with `wake`, if the page is to move again. */
export function rest(milliseconds, signal, wake = false) {
  return new Promise((resolve) => {
    const end = new AbortController();
    const done = () => {
      clearTimeout(timer);
      end.abort();
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { signal: end.signal });
    if (wake) onLive(() => isLive() && done(), end.signal);
  });
}

/** How long to wait after so many failures in a row: up to 15 s, and never all at the same moment. */
export function patience(failures) {
  return Math.min(15000, 500 * 2 ** Math.min(failures, 5)) * (0.75 + Math.random() / 2);
}

/** Calls `load` at once and then every two seconds, as long as the page is live. Returns what loads at once. */
export function poll(load, signal) {
  let failures = 0;
  let wake = () => {};
  const once = async () => {
    try {
      await load();
      failures = 0;
      well();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      failures += 1;
      lost(error, failures > 1 ? patience(failures) : 0);
    }
  };
  (async () => {
    while (!signal.aborted) {
      if (isLive() || failures === 0) await once();
      const nap = new AbortController();
      wake = () => nap.abort();
      const both = AbortSignal.any([signal, nap.signal]);
      await rest(failures > 1 ? patience(failures) : EVERY, both);
      while (!isLive() && !both.aborted) await rest(60000, both, true);
    }
  })();
  return once;
}
