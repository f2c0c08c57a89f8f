// Requests to the server that this page came from, and the token that goes with them.

const root = new URL('../', document.baseURI);
const TOKEN = 'awaitd-token';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const listeners = new Set();

/** A refusal: `status` is 0 if there was no answer at all. */
export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Whether a name is one that the API allows. Nothing else may become part of a path. */
export function isName(name) {
  return NAME.test(name);
}

/** The path of a thing: `path('queues', name, 'jobs', 7)`. */
export function path(kind, ...rest) {
  for (const part of rest) {
    if (!NAME.test(String(part))) throw new Problem(400, 'invalid_name', `${part} is not a name`);
  }
  return ['v1', kind, ...rest.map((part) => encodeURIComponent(part))].join('/');
}

export function token() {
  try { return sessionStorage.getItem(TOKEN) || ''; } catch { return ''; }
}

/** Keeps a token until the tab is closed, or forgets it if it is empty. */
export function keepToken(value) {
  try {
    if (value) sessionStorage.setItem(TOKEN, value);
    else sessionStorage.removeItem(TOKEN);
  } catch { /* without a storage every request asks again */ }
  for (const listener of listeners) listener();
}

export function onToken(listener) {
  listeners.add(listener);
}

/** The answer to a request, whatever its status below 400; else a Problem. */
export async function ask(method, where, { query = {}, body, type, signal } = {}) {
  const url = new URL(where, root);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') url.searchParams.set(name, value);
  }
  const headers = {};
  if (token()) headers.Authorization = `Bearer ${token()}`;
  if (type) headers['Content-Type'] = type;
  const how = { method, headers, body, signal, cache: 'no-store', credentials: 'omit', redirect: 'error' };
  let answer;
  try {
    answer = await fetch(url, how);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, 'unreachable', 'The server cannot be reached.');
  }
  if (answer.ok) return answer;
  throw await refused(answer);
}

/** The JSON of an answer. */
export async function json(method, where, options) {
  const answer = await ask(method, where, options);
  try {
    return await answer.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Problem(0, 'unreachable', 'The answer was cut off.');
  }
}

async function refused(answer) {
  let told = {};
  try { told = await answer.json(); } catch { /* then the status says it */ }
  const detail = told.detail || told.title || `The server answered ${answer.status}.`;
  return new Problem(answer.status, told.code || '', detail);
}

/** A line for a terminal that does the same; with the token's place if this page has one. */
export function curl(...parts) {
  const who = token() ? ['-H', '"Authorization: Bearer $AWAITD_TOKEN"'] : [];
  const line = parts.map((part) => (part.startsWith('/') ? new URL(part.slice(1), root).href : part));
  return ['curl', ...who, ...line].join(' ');
}
