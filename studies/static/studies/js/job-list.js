// A list of results that jobs make: asked for, followed while they are made.

import { call } from "./api.js";
import { el, toggle } from "./dom.js";

const PAUSE = 1500; // ms between two looks while something is made

/**
 * @param {HTMLElement} root
 * @param {object} options
 * @param {string} options.path of the list, below /api/v1/
 * @param {(one: any, open: Set<string>) => HTMLElement} options.row `open`: ids of open details
 * @param {string} options.empty what to say of an empty list
 * @param {(answer: any) => any[]} [options.items] takes the rows out of what the API answers
 * @returns {{act: (work: () => Promise<any>) => Promise<void>, show: (rows: any[], ...before: Node[]) => void}}
 *   `act` does something and looks again; `show` fills the root, with `before` above the list.
 */
export function jobList(root, { path, row, empty, items = (answer) => answer }) {
  const problem = el("div", { class: "callout error", role: "alert", hidden: true });
  const list = el("div", { "aria-live": "polite" });
  let timer = 0;
  let shown = "";

  async function act(work) {
    toggle(problem, false);
    root.setAttribute("aria-busy", "true");
    try {
      await work();
      await look();
    } catch (error) {
      problem.replaceChildren(...faults(error).map((text) => el("p", {}, text)));
      toggle(problem, true);
    } finally {
      root.removeAttribute("aria-busy");
    }
  }

  async function look() {
    clearTimeout(timer);
    draw(items(await call("GET", path)));
  }

  async function lookAgain() {
    try {
      await look();
    } catch {
      timer = window.setTimeout(lookAgain, PAUSE * 4); // the server is away; it comes back
    }
  }

  /** What has not changed is left alone: a click on it must not be lost. */
  function draw(rows) {
    const now = JSON.stringify(rows);
    if (now !== shown) redraw(rows);
    shown = now;
    clearTimeout(timer); // two answers may have been on their way
    if (rows.some(isActive)) timer = window.setTimeout(lookAgain, PAUSE);
  }

  function redraw(rows) {
    const open = new Set([...list.querySelectorAll("details[open]")].map((node) => node.id));
    const focused = list.contains(document.activeElement) ? document.activeElement?.id : "";
    list.replaceChildren(...rows.map((one) => row(one, open)));
    if (!rows.length) list.append(el("p", { class: "empty" }, empty));
    if (focused) document.getElementById(focused)?.focus();
  }

  function show(rows, ...before) {
    root.replaceChildren(...before, problem, list);
    draw(rows);
  }
  return { act, show };
}

/** Whether a row, which has a status of its own or only its job's, is still being made. */
export function isActive({ status, job }) {
  return ["queued", "running"].includes(status ?? job.status);
}

/** What was wrong with a request, one sentence for each fault, with its place. */
function faults({ errors = [], message }) {
  const told = errors.map((one) => (one.place ? `${one.place}: ${one.message}` : one.message));
  return told.length > 1 ? told : [message];
}
