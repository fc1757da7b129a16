// The exports of a trial: start one, follow it, download its files, build it again, remove it.

import { call } from "./api.js";
import { el, toggle } from "./dom.js";
import { exportRow } from "./export-row.js";
import { jobList } from "./job-list.js";

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
  const { act, show } = jobList(root, {
    path,
    row: (one, open) => exportRow(one, mayRun ? actions : null, open),
    empty: "Nothing is exported yet.",
  });
  const actions = {
    cancel: (one) => act(() => call("POST", `jobs/${one.job.id}/cancel`)),
    reproduce: (one) => act(() => call("POST", `exports/${one.id}/reproduce`)),
    remove: (one) => act(() => call("DELETE", `exports/${one.id}`)),
  };
  if (!complete) {
    show(exports, el("p", { class: "empty" }, "This trial has no result that could be exported."));
  } else if (mayRun) {
    show(exports, optionsForm(strategies, (body) => act(() => call("POST", path, { body }))));
  } else {
    show(exports);
  }
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
