// Builds elements from text; markup is never parsed, so a model's answer stays an answer.

/**
 * @param {string} tag
 * @param {Object<string, any>} [attributes] `class`, `onclick` …, `dataset`, or any attribute
 * @param {...(Node|string|number|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`The page has no element "${id}".`);
  return node;
}

/** @param {string} id @returns {any} What the server wrote with json_script. */
export function readJson(id) {
  return JSON.parse(byId(id).textContent ?? "null");
}

/** Set text only where it differs, so that screen readers and selections are left alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Show or hide by the `hidden` attribute. */
export function toggle(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Call at most once per `pause` milliseconds; the last call is never lost. */
export function throttled(call, pause) {
  let timer = 0;
  let last = -Infinity;
  return () => {
    if (timer) return;
    const wait = Math.max(0, last + pause - performance.now());
    timer = window.setTimeout(() => {
      timer = 0;
      last = performance.now();
      call();
    }, wait);
  };
}
