// Where the study is: status, bars, the numbers beside them, and errors in words.

import { bestTrial, completeTrials } from "./derived.js";
import { byId, el, setText, toggle } from "./dom.js";
import { bytes, duration, number } from "./format.js";

const IDLE = {
  draft: "Not started yet.",
  stopping: "Stopping after the current batch; finished trials are kept.",
  stopped: "Stopped. Finished trials are kept; resume goes on from here.",
  completed: "All trials are done. Pick one from the front, or add more trials.",
  failed: "The study ended with an error.",
};

export function mountStatus() {
  const badge = byId("study-status");
  const line = byId("status-line");
  const overall = /** @type {HTMLProgressElement} */ (byId("bar-trials"));
  const phase = /** @type {HTMLProgressElement} */ (byId("bar-phase"));

  return (state) => {
    setText(badge, state.status_label);
    badge.dataset.status = state.status;
    setText(line, statusText(state));
    drawTrialsBar(overall, state);
    drawPhaseBar(phase, state);
    drawNumbers(state);
    drawBest(byId("tile-best"), state);
    drawError(byId("study-error"), state);
    drawRemarks(byId("study-remarks"), state);
  };
}

function statusText(state) {
  if (state.status === "queued") {
    const place = state.queue_place;
    const wait = place && place > 1 ? `Number ${place} in the queue.` : "Next in the queue.";
    return `${wait} It starts as soon as a worker is free.`;
  }
  if (state.status === "running") {
    const label = state.progress.label || "Starting";
    const trial = state.progress.trial ?? state.current?.trial;
    return trial === null || trial === undefined ? label : `Trial ${trial}: ${label}`;
  }
  return IDLE[state.status] ?? "";
}

function drawTrialsBar(bar, state) {
  bar.max = Math.max(1, state.n_trials);
  bar.value = Math.min(state.n_finished, state.n_trials);
  const more = state.n_taken_over ? ` + ${state.n_taken_over} taken over` : "";
  setText(byId("text-trials"), `${state.n_finished} of ${state.n_trials} trials${more}`);
}

function drawPhaseBar(bar, state) {
  const active = state.status === "running" || state.status === "stopping";
  toggle(byId("row-phase"), active);
  if (!active) return;
  const { label, done = 0, total = 0 } = state.progress;
  if (total > 0) {
    bar.max = total;
    bar.value = Math.min(done, total);
  } else {
    bar.removeAttribute("value"); // how far is not known
  }
  const counts = total > 0 ? ` · ${done} of ${total}` : "";
  setText(byId("text-phase"), `${label || "Starting"}${counts}`);
}

function drawNumbers(state) {
  const active = state.status === "running";
  const { eta_seconds, memory = {}, tokens_per_second } = state.progress;
  setText(byId("tile-eta"), active && eta_seconds ? duration(eta_seconds) : "–");
  setText(byId("tile-speed"), active && tokens_per_second ? `${number(Math.round(tokens_per_second))} tok/s` : "–");
  const parts = [memory.ram_bytes && bytes(memory.ram_bytes), memory.gpu_bytes && `GPU ${bytes(memory.gpu_bytes)}`];
  setText(byId("tile-memory"), active ? parts.filter(Boolean).join(" · ") || "–" : "–");
  setText(byId("tile-seconds"), duration(state.seconds));
  setText(byId("tile-pruned"), String(state.n_pruned));
  toggle(byId("tile-pruned-box"), state.n_pruned > 0);
  setText(byId("tile-failed"), String(state.n_failed));
  toggle(byId("tile-failed-box"), state.n_failed > 0);
}

function drawBest(root, state) {
  const trials = completeTrials(state.trials);
  const lines = state.objectives.map((objective) => {
    const best = bestTrial(trials, objective);
    const before = objective.baseline_display ?? number(objective.baseline);
    return { name: objective.name, now: best ? best.display : "–", before };
  });
  const key = JSON.stringify(lines);
  if (root.dataset.key === key) return;
  root.dataset.key = key;
  root.replaceChildren(...lines.map(({ name, now, before }) => el(
    "div", { class: "tile" },
    el("span", { class: "tile-label" }, `Best ${name}`),
    el("span", { class: "tile-value num" }, now),
    el("span", { class: "tile-note num" }, before === "–" ? "" : `original ${before}`),
  )));
}

function drawError(root, state) {
  toggle(root, Boolean(state.error));
  if (!state.error) return;
  setText(byId("error-message"), state.error.message || "The study failed.");
  setText(byId("error-advice"), state.error.advice);
}

function drawRemarks(root, state) {
  toggle(root, state.remarks.length > 0);
  const list = byId("remarks-list");
  if (list.childElementCount === state.remarks.length) return;
  list.replaceChildren(...state.remarks.map((remark) => el("li", {}, remark)));
}
