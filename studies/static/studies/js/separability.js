// The study page's chart of how well each layer tells bad prompts from good ones.

import { axis, color, legend, makeChart, tooltip, valueAxis } from "./chart-base.js";
import { byId, el, readJson, setText, toggle } from "./dom.js";
import { number } from "./format.js";
import { mountGeometryJob } from "./geometry-job.js";

const EMPTY = "Not measured yet: how far apart the good and the bad prompts lie at each layer.";
const job = byId("separability-job");
const box = byId("separability");
const link = byId("separability-link");
let redraw = null;

function show(geometry) {
  const some = Boolean(geometry.measured_at);
  toggle(link, some);
  toggle(box, some);
  if (!some) return;
  redraw ??= mountChart();
  redraw(geometry.layers);
}

function mountChart() {
  const canvas = el("canvas", { role: "img" });
  const best = el("strong", { class: "num" });
  box.replaceChildren(
    el("div", { class: "chart-heading" }, el("span", {}, "Standard deviations between good and bad prompts (d′), held out"), best),
    el("div", { class: "chart-box chart-mid" }, canvas));
  const { chart, onTheme } = makeChart(canvas, config);
  let last = [];
  onTheme(() => draw(last));

  function draw(layers) {
    last = layers;
    const dPrime = layers.map((line) => line.d_prime);
    chart.data.labels = layers.map((_line, layer) => layer);
    chart.data.datasets = [
      series("d′", dPrime, "--series-2", "circle", "y", []),
      series("AUC", layers.map((line) => line.auc), "--series-1", "rect", "auc", [5, 4]),
    ];
    chart.options.scales = scales(dPrime);
    chart.update("none");
    const top = dPrime.reduce((a, v, layer) => (v !== null && (a === null || v > dPrime[a]) ? layer : a), null);
    setText(best, top === null ? "nothing tells them apart" : `d′ ${number(dPrime[top])} at index ${top}`);
    canvas.setAttribute("aria-label", `Separability of each layer; highest ${best.textContent}`);
  }
  return draw;
}

function series(label, data, ink, pointStyle, yAxisID, borderDash) {
  return {
    type: "line", label, data, yAxisID, pointStyle, borderDash, borderWidth: 2, pointRadius: 3,
    borderColor: color(ink), backgroundColor: color(ink),
  };
}

function scales(dPrime) {
  const values = dPrime.filter((value) => value !== null);
  return {
    x: axis("Layer index (0: embedding)"),
    y: valueAxis("d′", values, { ticks: { maxTicksLimit: 5 } }),
    auc: axis("AUC", {
      position: "right", min: 0, max: 1, grid: { drawOnChartArea: false }, ticks: { maxTicksLimit: 5 },
    }),
  };
}

function config() {
  return {
    type: "line",
    data: { labels: [], datasets: [] },
    options: {
      maintainAspectRatio: false,
      clip: 6,
      interaction: { mode: "index", intersect: false },
      plugins: {
        legend: legend(),
        tooltip: tooltip({
          title: (items) => (items[0]?.label === "0" ? "Embedding" : `Layer index ${items[0]?.label ?? ""}`),
          label: (item) => `${item.dataset.label}: ${number(item.raw)}`,
        }),
      },
      scales: scales([]),
    },
  };
}

mountGeometryJob(job, readJson("study-geometry"), {
  mayRun: !("readOnly" in job.dataset), onChange: show, text: EMPTY,
});
