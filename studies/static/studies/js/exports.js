// The exports of a trial: start one, follow it, download its files, build it again, remove it.

import { call } from "./api.js";
import { el, setText, toggle } from "./dom.js";
import { exportRow } from "./export-row.js";

const PAUSE = 1500; // ms between two looks at a running export
const DTYPES = [
  ["auto", "as the original"],
  ["bfloat16", "bfloat16"],
  ["float16", "float16"],
  ["float32", "float32"],
];

/**
 * @param {HTMLElement} root
 * @param {{study: string, number: number, strategies: {name: string, label: string, unavailable: string}[], exports: any[], complete: boolean, may_run: boolean}} data
 */
export function mountExports(root, { study, number, strategies, exports, complete, may_run: mayRun }) {
  const path = `studies/${study}/trials/${number}/exports`;
  const problem = el("div", { class: "callout error", role: "alert", hidden: true });
  const list = el("div", { class: "exports", "aria-live": "polite" });
  let timer = 0;
  let shown = "";

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
    reproduce: (one) => act(() => call("POST", `exports/${one.id}/reproduce`)),
    remove: (one) => act(() => call("DELETE", `exports/${one.id}`)),
  };

  /** What has not changed is left alone: a click on it must not be lost. */
  function draw(rows) {
    const now = JSON.stringify(rows);
    if (now !== shown) redraw(rows);
    shown = now;
    const runs = rows.some((one) => one.status === "queued" || one.status === "running");
    clearTimeout(timer); // two answers may have been on their way
    if (runs) timer = window.setTimeout(lookAgain, PAUSE);
  }

  function redraw(rows) {
    const open = new Set([...list.querySelectorAll("details[open]")].map((node) => node.id));
    const focused = list.contains(document.activeElement) ? document.activeElement?.id : "";
    list.replaceChildren(...rows.map((one) => exportRow(one, mayRun ? actions : null, open)));
    if (!rows.length) list.append(el("p", { class: "empty" }, "Nothing is exported yet."));
    if (focused) document.getElementById(focused)?.focus();
  }

  const form = optionsForm(strategies, (body) => act(() => call("POST", path, { body })));
  const nothing = el("p", { class: "empty" }, "This trial has no result that could be exported.");
  root.replaceChildren(...(!complete ? [nothing] : mayRun ? [form] : []), problem, list);
  draw(exports);
}

function optionsForm(strategies, submit) {
  const strategy = /** @type {HTMLSelectElement} */ (el("select", { name: "strategy" },
    ...strategies.map((one) => el("option",
      { value: one.name, disabled: Boolean(one.unavailable) }, one.label))));
  const dtype = /** @type {HTMLSelectElement} */ (el("select", { name: "dtype" },
    ...DTYPES.map(([name, label]) => el("option", { value: name }, label))));
  const rank = /** @type {HTMLInputElement} */ (
    el("input", { type: "number", name: "rank", min: 1, max: 256, value: 8 }));
  const rankField = field("Rank", rank, "Of an adapter whose change has no exact low rank.");
  const missing = strategies.filter((one) => one.unavailable)
    .map((one) => el("p", { class: "muted" }, `${one.label.split(":")[0]} ${one.unavailable}.`));
  const form = el("form", { class: "export-form" },
    el("div", { class: "fields" },
      field("What", strategy, "", "field wide"), field("Number format", dtype), rankField),
    ...missing,
    el("button", { type: "submit", class: "button primary" }, "Export"));
  const adapt = () => toggle(rankField, strategy.value === "adapter");
  strategy.addEventListener("change", adapt);
  adapt();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = rank.value.trim() === "" ? null : Number(rank.value);
    const body = { strategy: strategy.value, dtype: dtype.value };
    submit(strategy.value === "adapter" ? { ...body, rank: typed } : body);
  });
  return form;
}

function field(label, input, hint = "", kind = "field") {
  return el("label", { class: kind }, el("span", {}, label), input,
    hint && el("small", { class: "muted" }, hint));
}
