// Best value so far of each objective, one small chart below the other.

import { axis, color, decadeTick, makeChart, spansDecades, tooltip, valueAxis } from "./chart-base.js";
import { bestSoFar, bestTrial, completeTrials, scoreValue } from "./derived.js";
import { el, setText } from "./dom.js";
import { number } from "./format.js";

/** @param {HTMLElement} root @param {{select: (number: number) => void}} actions */
export function mountHistory(root, { select }) {
  /** @type {Map<string, ReturnType<typeof mountOne>>} */
  const charts = new Map();
  return (state) => {
    const names = state.objectives.map((o) => o.name);
    if (root.dataset.names !== names.join("\n")) {
      root.dataset.names = names.join("\n");
      charts.forEach((one) => one.destroy());
      charts.clear();
      root.replaceChildren();
      for (const objective of state.objectives) {
        charts.set(objective.name, mountOne(root, objective, select));
      }
    }
    for (const objective of state.objectives) charts.get(objective.name)?.draw(state, objective);
  };
}

function mountOne(root, objective, select) {
  const canvas = el("canvas", { role: "img" });
  const best = el("strong", { class: "num" });
  const heading = el("div", { class: "chart-heading" }, el("span", {}, objective.name), best);
  root.append(heading, el("div", { class: "chart-box chart-low" }, canvas));
  let last = null;
  const { chart, onTheme } = makeChart(canvas, () => config(select));
  onTheme(() => last && draw(...last));

  function draw(state, current) {
    last = [state, current];
    const trials = completeTrials(state.trials);
    const points = trials
      .map((trial) => ({ x: trial.number, y: scoreValue(trial, current.name), trial }))
      .filter((point) => point.y !== null);
    const line = bestSoFar(trials, current);
    chart.data.datasets = [
      {
        type: "line", label: "Best so far", data: line, stepped: "after", pointRadius: 0,
        pointHitRadius: 0, borderWidth: 2, borderColor: color("--series-2"),
      },
      {
        label: "Trial", data: points, pointRadius: 2.5, pointHoverRadius: 5, borderWidth: 1,
        borderColor: color("--series-1"), backgroundColor: "transparent",
      },
      baselineLine(current, points),
    ];
    chart.options.scales.x = axis("", { min: 0, ticks: { precision: 0 } });
    const values = points.map((point) => point.y);
    chart.options.scales.y = spansDecades(values) && Math.min(...values) > 0
      ? axis("", { type: "logarithmic", ticks: { callback: decadeTick } })
      : valueAxis("", Number.isFinite(current.baseline) ? [...values, current.baseline] : values, { ticks: { maxTicksLimit: 4 } });
    chart.update("none");
    const found = bestTrial(trials, current);
    setText(best, found ? `best ${found.display} (trial ${found.trial.number})` : "no trial yet");
    canvas.setAttribute("aria-label", `${current.name} over the trials; ${best.textContent}`);
  }
  return { draw, destroy: () => chart.destroy() };
}

function baselineLine(objective, points) {
  const value = objective.baseline;
  const last = points.at(-1)?.x ?? 0;
  const data = Number.isFinite(value) && points.length ? [{ x: 0, y: value }, { x: last, y: value }] : [];
  return {
    type: "line", label: "Original model", data, pointRadius: 0, pointHitRadius: 0,
    borderDash: [5, 4], borderWidth: 1.5, borderColor: color("--text-3"),
  };
}

function config(select) {
  return {
    type: "scatter",
    data: { datasets: [] },
    options: {
      maintainAspectRatio: false,
      clip: 6,
      onClick: (_event, hits, chart) => {
        const hit = hits.find((h) => chart.data.datasets[h.datasetIndex].data[h.index].trial);
        if (hit) select(chart.data.datasets[hit.datasetIndex].data[hit.index].trial.number);
      },
      plugins: {
        legend: { display: false },
        tooltip: tooltip({
          title: (items) => `Trial ${items[0]?.raw?.x ?? ""}`,
          label: (item) => `${item.dataset.label}: ${number(item.raw.y)}`,
        }),
      },
      scales: { x: axis(""), y: axis("") },
    },
  };
}
