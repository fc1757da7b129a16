// The ablation strength of one trial over the layers, a line per component.

import { DASHES, SERIES, SHAPES, axis, color, legend, makeChart, tooltip } from "./chart-base.js";
import { el } from "./dom.js";
import { number } from "./format.js";

/** @param {HTMLElement} root */
export function mountKernel(root) {
  const canvas = el("canvas", { role: "img" });
  root.replaceChildren(el("div", { class: "chart-box chart-mid" }, canvas));
  let last = null;
  const { chart, onTheme } = makeChart(canvas, config);
  onTheme(() => last && draw(last));

  function draw(kernel) {
    last = kernel;
    const entries = Object.entries(kernel);
    chart.data.datasets = entries.map(([component, weights], index) => ({
      label: component,
      data: weights.map((weight, layer) => ({ x: layer, y: weight })),
      borderColor: color(SERIES[index % SERIES.length]),
      backgroundColor: color(SERIES[index % SERIES.length]),
      borderDash: DASHES[index % DASHES.length],
      pointStyle: SHAPES[index % SHAPES.length],
      borderWidth: 2,
      pointRadius: weights.length > 48 ? 0 : 3.5,
    }));
    const longest = Math.max(1, ...entries.map(([, weights]) => weights.length - 1));
    chart.options.scales.x.max = longest;
    canvas.setAttribute("aria-label", summary(entries));
    chart.update("none");
  }
  return draw;
}

function config() {
  return {
    type: "line",
    data: { datasets: [] },
    options: {
      maintainAspectRatio: false,
      clip: 8,
      parsing: false,
      interaction: { mode: "index", intersect: false },
      plugins: {
        legend: legend(),
        tooltip: tooltip({
          title: (items) => `Layer ${items[0]?.raw?.x ?? ""}`,
          label: (item) => `${item.dataset.label}: ${number(item.raw.y)}`,
        }),
      },
      scales: {
        x: axis("Layer", { type: "linear", min: 0, ticks: { precision: 0 } }),
        y: axis("Strength", { beginAtZero: true, grace: "5%" }),
      },
    },
  };
}

function summary(entries) {
  const parts = entries.map(([component, weights]) => {
    const most = Math.max(...weights);
    return `${component} up to ${number(most)} at layer ${weights.indexOf(most)}`;
  });
  return `Ablation strength over the layers: ${parts.join("; ") || "nothing is changed"}.`;
}
