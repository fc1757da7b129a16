// A list of results that jobs make, on a trial's page: asked for, followed while they are made.

import { call } from "./api.js";
import { el, setText, toggle } from "./dom.js";

const PAUSE = 1500; // ms between two looks while something is made

/**
 * @param {HTMLElement} root
 * @param {object} options
 * @param {string} options.path of the list, below /api/v1/
 * @param {(one: any, open: Set<string>) => HTMLElement} options.row `open`: ids of open details
 * @param {string} options.empty what to say of an empty list
 * @returns {{act: (work: () => Promise<any>) => Promise<void>, show: (rows: any[], ...before: Node[]) => void}}
 *   `act` does something and looks again; `show` fills the root, with `before` above the list.
 */
export function jobList(root, { path, row, empty }) {
  const problem = el("div", { class: "callout error", role: "alert", hidden: true });
  const list = el("div", { "aria-live": "polite" });
  let timer = 0;

  async function act(work) {
    toggle(problem, false);
    root.setAttribute("aria-busy", "true");
    try {
      await work();
      await look();
    } catch (error) {
      setText(problem, error.message);
      toggle(problem, true);
    } finally {
      root.removeAttribute("aria-busy");
    }
  }

  async function look() {
    clearTimeout(timer);
    draw(await call("GET", path));
  }

  async function lookAgain() {
    try {
      await look();
    } catch {
      timer = window.setTimeout(lookAgain, PAUSE * 4); // the server is away; it comes back
    }
  }

  function draw(rows) {
    const open = new Set([...list.querySelectorAll("details[open]")].map((node) => node.id));
    const focused = list.contains(document.activeElement) ? document.activeElement?.id : "";
    list.replaceChildren(...rows.map((one) => row(one, open)));
    if (!rows.length) list.append(el("p", { class: "empty" }, empty));
    if (focused) document.getElementById(focused)?.focus();
    const runs = rows.some((one) => one.status === "queued" || one.status === "running");
    if (runs) timer = window.setTimeout(lookAgain, PAUSE);
  }

  function show(rows, ...before) {
    root.replaceChildren(...before, problem, list);
    draw(rows);
  }
  return { act, show };
}
