// The page of a kind that has a list in the API: its things in a table that is asked for anew every two seconds.

import { json } from '../api.js';
import { button, h, put } from '../dom.js';
import { seconds } from '../format.js';
import { poll } from '../live.js';
import { table } from '../table.js';

const PAGE = 200;

/** `kind` is its name in paths, `columns` as for a table, `tools(refresh)` are buttons beside the title. */
export function list(main, signal, { kind, title, about, columns, empty, tools }) {
  let cursor = null;
  let next = null;
  let prefix = '';
  let none = empty;
  const grid = table({ caption: title, columns: columns(() => refresh()), key: ({ name }) => name, empty: h('p', {}, 'Loading…') });
  const begin = button('First page', () => turn(null), { hidden: true });
  const more = button('Next page', () => turn(next), { hidden: true });
  const search = h('input', {
    type: 'search', placeholder: 'Name begins with', 'aria-label': `${title} whose name begins with`, autocomplete: 'off',
    on: {
      input: () => {
        prefix = search.value.trim();
        turn(null);
      },
    },
  });
  put(main,
    h('div', { class: 'head' },
      h('h1', { tabindex: -1 }, title), h('p', { class: 'about' }, about),
      h('div', { class: 'tools' }, search, tools?.(() => refresh()))),
    grid.node,
    h('div', { class: 'pages' }, begin, more));

  function turn(to) {
    cursor = to;
    refresh();
  }

  const load = async () => {
    const asked = { prefix, cursor };
    const page = await json('GET', `v1/${kind}`, { query: { ...asked, limit: PAGE }, signal });
    // What was asked for meanwhile is not answered by this.
    if (asked.prefix !== prefix || asked.cursor !== cursor) return;
    next = page.cursor;
    begin.hidden = cursor === null;
    more.hidden = next === null;
    none = prefix ? [h('p', {}, 'No name begins so.')] : empty();
    if (page.items.length === 0) grid.say(...none);
    grid.update(page.items);
  };
  const refresh = poll(load, signal);
}

/** The column of the names. */
export function named() {
  return { title: 'Name', class: 'name', sort: ({ name }) => name, text: ({ name }) => name };
}

/** A column of buttons; `buttons(current)` makes them, `fresh(nodes, item)` shows which are of use. */
export function acts(buttons, fresh) {
  return {
    title: 'Actions', quiet: true, class: 'acts',
    make: (current) => h('span', { class: 'row' }, buttons(current)),
    fresh: (node, item) => fresh?.([...node.children], item),
  };
}

/** A list of those who hold something. */
export function holders() {
  return {
    title: 'Held by', class: 'holders',
    make: () => h('ul', {}),
    fresh: (node, item) => {
      const lines = item.holders.map(line);
      if (lines.join('\n') === [...node.children].map((child) => child.textContent).join('\n')) return;
      put(node, lines.map((words) => h('li', {}, words)));
    },
  };
}

function line({ owner, fence, permits, expires_in: left }) {
  const what = permits > 1 ? ` · ${permits} permits` : '';
  return `${owner || '(no name)'}${what} · fence ${fence} · ${seconds(Math.max(0, Math.ceil(left)))} left`;
}
