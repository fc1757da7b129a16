// The benchmarks of a trial: start one, follow it, stop it, remove it.

import { call } from "./api.js";
import { benchmarkForm } from "./benchmark-form.js";
import { benchmarkRow } from "./benchmark-row.js";
import { el, setText, toggle } from "./dom.js";

const PAUSE = 1500; // ms between two looks at a running benchmark

/**
 * @param {HTMLElement} root
 * @param {{study: string, number: number, benchmark_choices: any, benchmarks: any[], complete: boolean, may_run: boolean}} data
 */
export function mountBenchmarks(root, data) {
  const { study, number, complete, may_run: mayRun } = data;
  const path = `studies/${study}/trials/${number}/benchmarks`;
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

  const actions = {
    cancel: (one) => act(() => call("POST", `jobs/${one.job.id}/cancel`)),
    remove: (one) => act(() => call("DELETE", `benchmarks/${one.id}`)),
  };

  function draw(rows) {
    const open = new Set([...list.querySelectorAll("details[open]")].map((node) => node.id));
    const focused = list.contains(document.activeElement) ? document.activeElement?.id : "";
    list.replaceChildren(...rows.map((one) => benchmarkRow(one, mayRun ? actions : null, open)));
    if (!rows.length) list.append(el("p", { class: "empty" }, "No benchmark was run yet."));
    if (focused) document.getElementById(focused)?.focus();
    const runs = rows.some((one) => one.status === "queued" || one.status === "running");
    if (runs) timer = window.setTimeout(lookAgain, PAUSE);
  }

  const form = benchmarkForm(data.benchmark_choices, (body) => act(() => call("POST", path, { body })));
  const nothing = el("p", { class: "empty" }, "This trial has no result that could be put to a benchmark.");
  root.replaceChildren(...(!complete ? [nothing] : mayRun ? [form] : []), problem, list);
  draw(data.benchmarks);
}
