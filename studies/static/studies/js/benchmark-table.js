// The scores of two models on the same tasks, side by side.

import { el } from "./dom.js";
import { number } from "./format.js";

const CAREFUL = "More than two standard errors: chance alone hardly makes such a difference.";
const UNCLEAR = "Within two standard errors: this may be chance.";

/**
 * @param {any[]} rows scores as the API shows them
 * @param {{lead?: (row: any) => Node[], leadTitles?: string[]}} [options] cells before each row
 */
export function benchmarkTable(rows, { lead = () => [], leadTitles = [] } = {}) {
  const titles = [...leadTitles, "Task", "Metric", "Original", "Ablated", "Difference"];
  return el("div", { class: "scroll" }, el("table", { class: "table compact" },
    el("thead", {}, el("tr", {}, ...titles.map((title) => el("th", { scope: "col" }, title)))),
    el("tbody", {}, ...rows.map((row, index) => tableRow(row, rows[index - 1], lead)))));
}

function tableRow(row, before, lead) {
  const isNew = before?.task !== row.task || lead(row).length > 0;
  return el("tr", {},
    ...lead(row),
    el("th", { scope: "row" }, isNew ? row.task : el("span", { class: "hidden-label" }, row.task),
      isNew && el("small", { class: "muted block" }, examples(row))),
    el("td", {}, ...metric(row)),
    el("td", { class: "num" }, withError(row.original, row.original_stderr)),
    el("td", { class: "num" }, withError(row.ablated, row.ablated_stderr)),
    el("td", { class: `num ${row.clear ? "strong" : "muted"}`, title: hint(row) }, difference(row)));
}

function metric({ metric: name, filter, higher_is_better: higher }) {
  const parts = [filter === "none" ? name : `${name} · ${filter}`];
  if (higher === null) return parts;
  const words = higher ? "higher is better" : "lower is better";
  return [...parts, " ", el("span", { title: words, "aria-hidden": "true" }, higher ? "↑" : "↓"),
    el("span", { class: "hidden-label" }, words)];
}

function examples({ n, n_all: all, num_fewshot: shots }) {
  if (n === null) return "";
  const used = all !== null && all !== n ? `${n} of ${all} examples` : `${n} examples`;
  return shots ? `${used}, ${shots} shown solved` : used;
}

/** A value with as many digits as its error has a use for: 0.920 ± 0.039. */
export function withError(value, error) {
  if (value === null) return "–";
  if (error === null) return number(value);
  const digits = error > 0 ? Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(error)))) : 3;
  return `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
}

function difference({ difference: size, clear, higher_is_better: higher }) {
  if (size === null) return "–";
  const text = `${size > 0 ? "+" : size < 0 ? "−" : ""}${number(Math.abs(size))}`;
  if (!clear || higher === null) return text;
  return `${text} ${size > 0 === higher ? "better" : "worse"}`;
}

function hint({ clear }) {
  if (clear === null) return null;
  return clear ? CAREFUL : UNCLEAR;
}
