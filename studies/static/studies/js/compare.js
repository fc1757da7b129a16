// The fronts of several studies in one chart.

import { DASHES, SERIES, SHAPES, axis, color, decadeTick, legend, makeChart, spansDecades, tooltip, valueAxis } from "./chart-base.js";
import { byId, el, readJson, toggle } from "./dom.js";

const { fronts = [], names = [] } = readJson("page-data");
const some = fronts.some((front) => front.points.length > 0);
const root = document.getElementById("fronts");
if (root) {
  toggle(byId("no-fronts"), !some);
  if (some) mount(root);
}

function mount(box) {
  const canvas = el("canvas", { role: "img" });
  const [pickX, pickY] = ["Horizontal axis", "Vertical axis"].map((label) => el(
    "select", { "aria-label": label }, ...names.map((name) => el("option", { value: name }, name))));
  pickY.value = names[0];
  pickX.value = names[1] ?? names[0];
  const log = el("input", { type: "checkbox", checked: spansDecades(values(pickX.value)) });
  box.replaceChildren(
    el("div", { class: "chart-tools" }, el("label", {}, "Across ", pickX), el("label", {}, "Up ", pickY),
      el("label", { class: "check" }, log, " log scale across")),
    el("div", { class: "chart-box chart-tall" }, canvas));
  const { chart, onTheme } = makeChart(canvas, config);
  onTheme(draw);
  for (const input of [pickX, pickY, log]) input.addEventListener("change", draw);
  draw();

  function config() {
    return {
      type: "scatter",
      data: { datasets: [] },
      options: {
        clip: 14,
        maintainAspectRatio: false,
        onClick: (_event, hits) => {
          const hit = hits[0] && chart.data.datasets[hits[0].datasetIndex];
          if (hit) location.assign(`/studies/${hit.study}/#trial=${hit.data[hits[0].index].trial}`);
        },
        plugins: {
          legend: legend(),
          tooltip: tooltip({
            title: (items) => `${items[0]?.dataset.label}, trial ${items[0]?.raw.trial}`,
            label: (item) => Object.entries(item.raw.displays).map(([name, text]) => `${name}: ${text}`),
          }),
        },
        scales: { x: axis(""), y: axis("") },
      },
    };
  }

  function draw() {
    const floor = Math.min(...values(pickX.value).filter((x) => x > 0), 1);
    const place = (x) => (log.checked ? Math.max(x, floor) : x);
    chart.data.datasets = fronts.map((front, index) => ({
      ...look(index), label: front.name, study: front.id, showLine: true, borderWidth: 1.5,
      data: front.points
        .map((p) => ({ x: p.values[pickX.value], y: p.values[pickY.value], trial: p.number, displays: p.displays }))
        .filter((p) => p.x !== undefined && p.y !== undefined)
        .map((p) => ({ ...p, x: place(p.x) }))
        .sort((a, b) => a.x - b.x),
    }));
    chart.options.scales.x = log.checked
      ? axis(pickX.value, { type: "logarithmic", ticks: { callback: decadeTick } })
      : valueAxis(pickX.value, values(pickX.value), { type: "linear" });
    chart.options.scales.y = valueAxis(pickY.value, values(pickY.value));
    canvas.setAttribute("aria-label", summary());
    chart.update("none");
  }

  function summary() {
    const parts = fronts.map((front) => `${front.name}: ${front.points.length} trials on the front`);
    return `Fronts of ${pickY.value} over ${pickX.value}. ${parts.join("; ")}. Best values stand in the table below.`;
  }
}

/** Colour, shape and dash of a study; no two of eight have the same three. */
function look(index) {
  const again = Math.floor(index / SERIES.length);
  const own = color(SERIES[index % SERIES.length]);
  return {
    borderColor: own, backgroundColor: own, pointStyle: SHAPES[(index + again) % SHAPES.length],
    borderDash: DASHES[(index + 2 * again) % DASHES.length], pointRadius: 5, pointHoverRadius: 8,
  };
}

function values(name) {
  return fronts.flatMap((front) => front.points.map((p) => p.values[name])).filter(Number.isFinite);
}
