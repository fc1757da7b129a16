// One benchmark of a trial: its state, its scores task by task, and what can be done with it.

import { benchmarkTable } from "./benchmark-table.js";
import { el } from "./dom.js";
import { progress } from "./export-row.js";

/**
 * @param {any} one as the API shows it
 * @param {Object<string, (one: any) => void>|null} actions null for those who may only look
 * @param {Set<string>} open ids of the details that are open
 * @returns {HTMLElement}
 */
export function benchmarkRow(one, actions, open) {
  const status = one.job.stopping ? "stopping" : one.status;
  return el("article", { class: "benchmark", id: `benchmark-${one.id}` },
    el("div", { class: "export-head" },
      el("h3", {}, one.options.tasks.join(", ")),
      el("span", { class: "status", dataset: { status } }, status[0].toUpperCase() + status.slice(1)),
      el("span", { class: "muted num" }, settings(one.options)),
      el("span", { class: "push controls" }, button(one, actions))),
    one.job.progress.label && progress(one.job.progress),
    one.job.error && el("div", { class: "callout error" }, `${one.job.error} ${one.job.error_advice}`),
    ...scores(one, open));
}

function settings({ limit, num_fewshot: shots, apply_chat_template: template }) {
  return [
    limit === null ? "all examples" : `first ${limit} examples`,
    shots !== null && `${shots} shown solved`,
    template && "in chat format",
  ].filter(Boolean).join(" · ");
}

function button(one, actions) {
  if (!actions || one.job.stopping) return null;
  const runs = one.status === "queued" || one.status === "running";
  const [name, label] = runs ? ["cancel", "Cancel"] : ["remove", "Delete"];
  return el("button", {
    type: "button", class: "button small", id: `${name}-${one.id}`, onclick: () => actions[name](one),
  }, label);
}

function scores(one, open) {
  if (!one.results.length) return [];
  const rows = one.results.flatMap((task) => task.scores);
  const reused = one.results.filter((task) => task.original_reused).map((task) => task.name);
  return [
    benchmarkTable(rows.filter((row) => !row.is_part)),
    ...one.results.map((task) => partsOf(one, task, open)),
    el("p", { class: "muted" }, "± is one standard error. A difference in bold is larger than chance explains."),
    reused.length > 0 && el("p", { class: "muted" },
      `The original's scores on ${reused.join(", ")} are those of an earlier benchmark.`),
  ].filter(Boolean);
}

/** The tasks that a group consists of, out of the way. */
function partsOf(one, { name, scores: rows }, open) {
  const parts = rows.filter((row) => row.is_part);
  if (!parts.length) return null;
  const id = `parts-${one.id}-${name}`;
  const count = new Set(parts.map((row) => row.task)).size;
  return el("details", { id, open: open.has(id) },
    el("summary", {}, `${count} parts of ${name}`), benchmarkTable(parts));
}
