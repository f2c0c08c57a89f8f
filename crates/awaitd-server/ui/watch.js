// `GET /v1/watch`: the server's events, read as they come. Not EventSource, which cannot send a token.

import { ask, Problem } from './api.js';
import { lost, still, well } from './connection.js';
import { isLive, onLive, patience, rest } from './live.js';

/** The server says something every 15 s at least; after this long in silence the connection is taken for dead. */
const SILENCE = 40000;

/**
 * Hands on what the server tells: `on.state` each second, `on.history` once after each connection, `on.absent` where there
 * is no such queue. Connects again after a failure, and only while the page is live. Ends with `signal`.
 */
export async function watch(query, on, signal) {
  let failures = 0;
  while (!signal.aborted) {
    while (!isLive() && !signal.aborted) {
      still();
      await rest(600000, signal, true);
    }
    if (signal.aborted) return;
    const end = new AbortController();
    const both = AbortSignal.any([signal, end.signal]);
    onLive(() => !isLive() && end.abort(), both);
    try {
      await follow(query, both, end, (event, data) => {
        failures = 0;
        well();
        on[event]?.(data);
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 404 && on.absent) {
        failures = 0;
        well();
        on.absent();
        await rest(2000, signal);
        continue;
      }
      if (!both.aborted || end.signal.reason === 'silence') {
        failures += 1;
        const after = patience(failures);
        lost(error instanceof Problem ? error : new Problem(0, 'cut', 'The connection was cut.'), after);
        await rest(after, signal);
      }
    }
  }
}

async function follow(query, signal, end, hear) {
  const answer = await ask('GET', 'v1/watch', { query, signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = events(hear);
  let timer;
  try {
    for (;;) {
      timer = setTimeout(() => end.abort('silence'), SILENCE);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) throw new Problem(0, 'cut', 'The server ended the connection.');
      parse(value);
    }
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => {});
  }
}

/** Takes a stream apart, piece by piece as it comes; `hear` gets each event's name and its JSON. */
export function events(hear) {
  let rest = '';
  let name = '';
  let data = [];
  return (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop();
    for (const whole of lines) {
      const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole;
      if (line.startsWith('event:')) name = line.slice(6).trim();
      else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
      else if (line === '') {
        if (data.length > 0) hear(name, JSON.parse(data.join('\n')));
        name = '';
        data = [];
      }
    }
  };
}
