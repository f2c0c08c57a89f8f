// What the page makes of the numbers that come each second: jobs a second, and the last minutes of a queue.

const KEPT = 90;
const OVER = 10;
const COUNTERS = ['put', 'got', 'done', 'returned', 'expired', 'dead_total'];

/** The last samples of each queue, oldest first; kept over a change of pages. */
const past = new Map();

/** Takes the samples of one moment. */
export function learn(state) {
  const time = new Date(state.time).getTime() / 1000;
  for (const queue of state.queues) {
    const samples = past.get(queue.name) ?? [];
    const last = samples.at(-1);
    if (last && time <= last.time) continue;
    samples.push({ time, ...queue });
    if (samples.length > KEPT) samples.shift();
    past.set(queue.name, samples);
  }
  for (const [name, samples] of past) {
    if (samples.at(-1).time < time - 600) past.delete(name);
  }
}

/** How fast a counter grows, over the last ten seconds; null if that is not known. */
export function rateOf(name, counter) {
  const samples = past.get(name) ?? [];
  const now = samples.at(-1);
  const then = samples.find((sample) => sample.time >= now.time - OVER);
  if (!then || then === now) return null;
  // One of very many queues has no counters of its own.
  if (now[counter] === null || then[counter] === null) return null;
  // A server that was started anew counts from zero.
  if (now[counter] < then[counter]) return null;
  return (now[counter] - then[counter]) / (now.time - then.time);
}

/** All that are told of a queue. */
export function rates(name) {
  return Object.fromEntries(COUNTERS.map((counter) => [counter, rateOf(name, counter)]));
}

/** How many waited in each of the last moments: `[seconds, jobs]`. */
export function depths(name) {
  return (past.get(name) ?? []).map((sample) => [sample.time, sample.ready + sample.delayed]);
}
