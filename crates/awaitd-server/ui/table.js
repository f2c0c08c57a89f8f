// A table whose rows stay the same elements while what is in them changes, so that focus and selection stay too.

import { button, h, put, text } from './dom.js';
import { NONE } from './format.js';

/** What is there without being of interest. */
const NIL = new Set(['0', '', NONE]);

/**
 * Columns: `title`, `text(item)` for plain text, or `make(current)` once and `fresh(node, item)` each time; `sort(item)` if it
 * can be sorted by; `class`. `key(item)` tells the rows apart; `empty` is shown in the place of no rows.
 */
export function table({ caption, columns, key, empty, by = null, down = false }) {
  let order = { by, down };
  let items = [];
  const rows = new Map();
  const heads = columns.map(head);
  const body = h('tbody', { role: 'rowgroup' });
  const grid = h('table', { role: 'table' },
    h('caption', { class: 'quiet' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)),
    body);
  const none = h('div', { class: 'empty', hidden: true }, empty);
  const node = h('div', { class: 'table' }, grid, none);

  function head(column) {
    const props = { scope: 'col', role: 'columnheader', class: column.class };
    if (!column.sort) return h('th', props, column.quiet ? h('span', { class: 'quiet' }, column.title) : column.title);
    return h('th', props, button(column.title, () => turn(column), { look: 'sort' }));
  }

  function turn(column) {
    const same = order.by === column.title;
    // Numbers are of interest from the greatest on, names from the first.
    order = { by: column.title, down: same ? !order.down : column.class === 'number' };
    update(items);
  }

  function sorted() {
    const column = columns.find(({ title }) => title === order.by);
    columns.forEach(({ title, sort }, at) => {
      if (!sort) return;
      if (title !== order.by) heads[at].removeAttribute('aria-sort');
      else heads[at].setAttribute('aria-sort', order.down ? 'descending' : 'ascending');
    });
    if (!column?.sort) return items;
    const side = order.down ? -1 : 1;
    return [...items].sort((a, b) => side * compare(column.sort(a), column.sort(b)));
  }

  function row(item) {
    const kept = { item };
    const cells = columns.map((column, at) => {
      const label = column.quiet ? {} : { label: column.title };
      const tag = at === 0 ? 'th' : 'td';
      const props = at === 0 ? { scope: 'row', role: 'rowheader' } : { role: 'cell' };
      const inside = column.make ? column.make(() => kept.item) : h('span');
      return { column, inside, cell: h(tag, { ...props, class: column.class, data: label }, inside) };
    });
    kept.node = h('tr', { role: 'row' }, cells.map(({ cell }) => cell));
    kept.show = () => {
      for (const { column, inside, cell } of cells) {
        if (column.text) {
          const words = column.text(kept.item);
          text(inside, words);
          cell.classList.toggle('nil', NIL.has(words));
        }
        column.fresh?.(inside, kept.item);
      }
    };
    return kept;
  }

  function update(now) {
    items = now;
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const gone = new Set(rows.keys());
    sorted().forEach((item, at) => {
      const name = key(item);
      gone.delete(name);
      const kept = rows.get(name) ?? row(item);
      rows.set(name, kept);
      kept.item = item;
      kept.show();
      if (body.children[at] !== kept.node) body.insertBefore(kept.node, body.children[at] ?? null);
    });
    for (const name of gone) {
      rows.get(name).node.remove();
      rows.delete(name);
    }
    if (focused?.isConnected && document.activeElement !== focused) focused.focus();
    grid.hidden = items.length === 0;
    none.hidden = items.length > 0;
  }

  return { node, update, say: (...words) => put(none, ...words) };
}

function compare(a, b) {
  if (a === b) return 0;
  // What is not known comes last of the small.
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  return a < b ? -1 : 1;
}
