// Elements from plain values. Text only ever goes in as text, so nothing that somebody put is markup.

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. `on` has listeners, `data` the data attributes; children are nodes or text. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** An SVG element. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === 'data') {
      Object.assign(node.dataset, value);
    } else if (/^(on|style$|src)/i.test(name) || (name === 'href' && !String(value).startsWith('#'))) {
      throw new Error(`${name} is not set from here`);
    } else {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Changes a text only where it is another one, so that a selection stays. */
export function text(node, value) {
  const told = String(value);
  if (node.textContent !== told) node.textContent = told;
}

/** Puts `children` in the place of what a node has. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat().filter(Boolean));
}

/** A button. `look` is a class: `main`, `danger` or `plain`. */
export function button(label, act, props = {}) {
  const { look = '', ...rest } = props;
  return h('button', { type: 'button', class: look, on: { click: act }, ...rest }, label);
}
