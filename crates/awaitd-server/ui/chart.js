// Lines over time, drawn as SVG: a chart with its axes, and a small one without.

import { h, put, s, text } from './dom.js';
import { clock, NONE } from './format.js';

const HEIGHT = 132;
const EDGE = { top: 8, right: 4, bottom: 20, left: 58 };

/** The small line of a table's row: `[seconds, value]` of the last `over` seconds. */
export function sparkline() {
  const line = s('path', { class: 'line' });
  const area = s('path', { class: 'area' });
  const base = s('path', { class: 'base', d: 'M0 21.5H96' });
  const node = s('svg', { class: 'spark', viewBox: '0 0 96 22', width: 96, height: 22, 'aria-hidden': 'true' }, base, area, line);
  const show = (points, over = 60) => {
    const end = points.at(-1)?.[0] ?? 0;
    const seen = points.filter(([time]) => time > end - over);
    const most = Math.max(1, ...seen.map(([, value]) => value));
    const at = seen.map(([time, value]) => [96 - ((end - time) / over) * 96, 20 - (value / most) * 17]);
    line.setAttribute('d', way(at));
    area.setAttribute('d', at.length > 1 ? `${way(at)}L96 22L${at[0][0].toFixed(1)} 22Z` : '');
  };
  return { node, show };
}

/**
 * A chart: `series` of `{name, kind}`, where `kind` is a class; `format` writes a value; it goes up to `least`
 * at least, so that numbers beside it differ as they are written.
 * `show({step, end, values})` draws one list of values for each series, oldest first, null where nothing is known.
 */
export function chart({ title, series, format, least }) {
  const keys = series.map(({ name, kind }) => {
    const value = h('b');
    return { value, node: h('span', { class: `key ${kind}` }, h('i', { 'aria-hidden': 'true' }), name, ' ', value) };
  });
  const when = h('span', { class: 'when' });
  const drawing = s('svg', { class: 'drawing', height: HEIGHT, role: 'img', tabindex: 0 });
  const node = h('figure', { class: 'chart' },
    h('figcaption', {}, h('span', { class: 'title' }, title), keys.map((key) => key.node), when), drawing);
  let last = null;
  let cursor = null;

  function draw() {
    const width = Math.max(200, Math.floor(node.clientWidth) - 24);
    if (!last || !node.isConnected) return;
    const { step, end, values } = last;
    const inner = width - EDGE.left - EDGE.right;
    const base = HEIGHT - EDGE.bottom;
    const many = values[0].length;
    const groups = Math.min(many, Math.max(2, Math.floor(inner)));
    const known = values.flatMap((list) => thin(list, groups)).filter((value) => value !== null);
    const top = Math.max(least, ceiling(Math.max(...known, 0)));
    const x = (at, of) => EDGE.left + (of > 1 ? (at / (of - 1)) * inner : inner);
    const y = (value) => base - (value / top) * (base - EDGE.top);
    const parts = [grid(top, width, y, format), axis(step * many, end, inner, base)];
    values.forEach((list, which) => {
      const points = thin(list, groups).map((value, at) => (value === null ? null : [x(at, groups), y(value)]));
      if (which === 0) parts.push(s('path', { class: `area ${series[0].kind}`, d: areas(points, base) }));
      parts.push(s('path', { class: `line ${series[which].kind}`, d: way(points) }));
    });
    if (cursor !== null) {
      const at = x(Math.min(cursor, many - 1), many);
      parts.push(s('line', { class: 'cursor', x1: at, x2: at, y1: EDGE.top, y2: base }));
    }
    drawing.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    drawing.setAttribute('width', width);
    put(drawing, ...parts);
    tell(step, end, values, many);
  }

  function tell(step, end, values, many) {
    const at = cursor === null ? many - 1 : Math.min(cursor, many - 1);
    const time = new Date(new Date(end).getTime() - (many - 1 - at) * step * 1000);
    const words = values.map((list) => (list[at] === null || list[at] === undefined ? NONE : format(list[at])));
    keys.forEach((key, which) => text(key.value, words[which]));
    text(when, cursor === null ? '' : clock(time, step >= 60));
    const summary = series.map(({ name }, which) => `${name} ${words[which]}`).join(', ');
    drawing.setAttribute('aria-label', `${title} at ${clock(time, step >= 60)}: ${summary}. Arrow keys move in time.`);
  }

  function move(to) {
    cursor = to;
    draw();
  }

  drawing.addEventListener('pointermove', (event) => {
    if (!last) return;
    const box = drawing.getBoundingClientRect();
    const part = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
    const many = last.values[0].length;
    move(Math.round(Math.min(1, Math.max(0, part)) * (many - 1)));
  });
  drawing.addEventListener('pointerleave', () => move(null));
  drawing.addEventListener('blur', () => move(null));
  drawing.addEventListener('keydown', (event) => {
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!side || !last) return;
    event.preventDefault();
    const many = last.values[0].length;
    const jump = Math.max(1, Math.round(many / 60));
    const to = (cursor ?? many - 1) + side * jump;
    move(to >= many - 1 ? null : Math.max(0, to));
  });
  new ResizeObserver(draw).observe(node);

  return {
    node,
    show(data) {
      last = data;
      draw();
    },
  };
}

/** So many values at most, each the greatest of those that it stands for. */
function thin(list, groups) {
  if (list.length <= groups) return list;
  return Array.from({ length: groups }, (_, at) => {
    const from = Math.floor((at * list.length) / groups);
    const to = Math.max(from + 1, Math.floor(((at + 1) * list.length) / groups));
    const known = list.slice(from, to).filter((value) => value !== null && value !== undefined);
    return known.length > 0 ? Math.max(...known) : null;
  });
}

/** A round number that is not below, whose half is round as well: it stands beside the middle. */
function ceiling(value) {
  if (value <= 0) return 0;
  const ten = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 10].map((part) => part * ten).find((round) => round >= value) ?? 10 * ten;
}

function way(points) {
  let up = true;
  return points.map((point) => {
    if (point === null) {
      up = true;
      return '';
    }
    const step = `${up ? 'M' : 'L'}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    up = false;
    return step;
  }).join('');
}

function areas(points, base) {
  const runs = [];
  let run = [];
  for (const point of [...points, null]) {
    if (point) run.push(point);
    else {
      if (run.length > 1) runs.push(run);
      run = [];
    }
  }
  const down = (one) => `${way(one)}L${one.at(-1)[0].toFixed(1)} ${base}L${one[0][0].toFixed(1)} ${base}Z`;
  return runs.map(down).join('');
}

function grid(top, width, y, format) {
  return s('g', { class: 'grid' }, [0, 0.5, 1].flatMap((part) => [
    s('line', { x1: EDGE.left, x2: width - EDGE.right, y1: y(top * part), y2: y(top * part) }),
    s('text', { x: EDGE.left - 6, y: y(top * part) + 4, 'text-anchor': 'end' }, format(top * part)),
  ]));
}

function axis(span, end, inner, base) {
  const last = new Date(end).getTime();
  const marks = [0, 0.25, 0.5, 0.75, 1];
  return s('g', { class: 'grid' }, marks.map((part) => {
    const time = new Date(last - (1 - part) * span * 1000);
    const anchor = part === 0 ? 'start' : part === 1 ? 'end' : 'middle';
    return s('text', { x: EDGE.left + part * inner, y: base + 15, 'text-anchor': anchor }, clock(time, true));
  }));
}
