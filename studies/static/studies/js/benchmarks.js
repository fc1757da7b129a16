// The benchmarks of a trial: start one, follow it, stop it, remove it.

import { call } from "./api.js";
import { benchmarkForm } from "./benchmark-form.js";
import { benchmarkRow } from "./benchmark-row.js";
import { el } from "./dom.js";
import { jobList } from "./job-list.js";

/**
 * @param {HTMLElement} root
 * @param {{study: string, number: number, benchmark_choices: any, benchmarks: any[], complete: boolean, may_run: boolean}} data
 */
export function mountBenchmarks(root, { study, number, benchmark_choices: choices, benchmarks, complete, may_run: mayRun }) {
  const path = `studies/${study}/trials/${number}/benchmarks`;
  const { act, show } = jobList(root, {
    path,
    row: (one, open) => benchmarkRow(one, mayRun ? actions : null, open),
    empty: "No benchmark was run yet.",
  });
  const actions = {
    cancel: (one) => act(() => call("POST", `jobs/${one.job.id}/cancel`)),
    remove: (one) => act(() => call("DELETE", `benchmarks/${one.id}`)),
  };
  if (!complete) {
    show(benchmarks, el("p", { class: "empty" }, "This trial has no result that could be put to a benchmark."));
  } else if (mayRun) {
    show(benchmarks, benchmarkForm(choices, (body) => act(() => call("POST", path, { body }))));
  } else {
    show(benchmarks);
  }
}
