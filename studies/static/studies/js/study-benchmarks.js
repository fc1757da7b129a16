// What benchmarks say of a study's trials, all in one table.

import { call } from "./api.js";
import { benchmarkTable } from "./benchmark-table.js";
import { byId, el, toggle } from "./dom.js";

const PAUSE = 5000; // ms between two looks while one runs

/** @param {string} study @param {any[]} benchmarks as the API shows them, the newest first */
export function mountStudyBenchmarks(study, benchmarks) {
  const root = byId("benchmarks");

  function draw(items) {
    toggle(byId("benchmarks-card"), items.length > 0);
    const rows = items.flatMap((one) => one.results.flatMap((task) =>
      task.scores.filter((row) => !row.is_part).map((row) => ({ ...row, trial: one.trial }))));
    root.replaceChildren(
      rows.length ? benchmarkTable(rows, { leadTitles: ["Trial"], lead: (row) => [trialCell(row)] }) : "",
      ...items.filter((one) => one.status !== "done").map(stateLine));
    if (items.some(isActive)) window.setTimeout(look, PAUSE);
  }

  async function look() {
    try {
      draw((await call("GET", `studies/${study}/benchmarks?limit=50`)).items);
    } catch {
      window.setTimeout(look, PAUSE * 2); // the server is away; it comes back
    }
  }

  function trialCell({ trial }) {
    return el("td", { class: "num" }, link(trial, String(trial)));
  }

  function stateLine(one) {
    const label = one.job.progress.label ?? one.status;
    return el("p", { class: "muted" }, link(one.trial, `Trial ${one.trial}`),
      ` on ${one.options.tasks.join(", ")}: ${one.job.error || label}`);
  }

  function link(number, text) {
    return el("a", { href: `/studies/${study}/trials/${number}/#benchmarks` }, text);
  }

  draw(benchmarks);
}

function isActive({ status }) {
  return status === "queued" || status === "running";
}
