// The scatter of two scores: every trial, the front, the original model, the selection.

import { axis, color, decadeTick, legend, makeChart, spansDecades, tooltip, valueAxis } from "./chart-base.js";
import { completeTrials, scoreInterval, scoreNames, scoreValue } from "./derived.js";
import { el } from "./dom.js";
import { errorBars } from "./error-bars.js";
import { flatParameters, number, value } from "./format.js";

const NONE = "trial";

/**
 * @param {HTMLElement} root
 * @param {{select: (number: number) => void}} actions
 */
export function mountPareto(root, { select }) {
  const canvas = el("canvas", { role: "img", "aria-label": "Scores of all trials" });
  const pickX = el("select", { "aria-label": "Horizontal axis" });
  const pickY = el("select", { "aria-label": "Vertical axis" });
  const log = el("input", { type: "checkbox" });
  const axes = el(
    "div", { class: "chart-tools" },
    el("label", {}, "Across ", pickX), el("label", {}, "Up ", pickY),
    el("label", { class: "check" }, log, " log scale across"),
  );
  root.replaceChildren(axes, el("div", { class: "chart-box chart-tall" }, canvas));

  let state = null;
  let selected = null;
  let logChosen = false; // by the user; before that the data decide
  const { chart, onTheme } = makeChart(canvas, config);
  onTheme(draw);
  for (const input of [pickX, pickY]) input.addEventListener("change", () => draw());
  log.addEventListener("change", () => {
    logChosen = true;
    draw();
  });

  function config() {
    return {
      type: "scatter",
      data: { datasets: [] },
      plugins: [errorBars],
      options: {
        clip: 14, // points on the edge are drawn whole
        maintainAspectRatio: false,
        interaction: { mode: "nearest", intersect: true },
        onClick: (_event, hits) => {
          const trial = hits.map(dataOf).find(Boolean);
          if (trial) select(trial.number);
        },
        onHover: (event, hits) => {
          event.native.target.style.cursor = hits.some(dataOf) ? "pointer" : "default";
        },
        plugins: { legend: legend(), tooltip: tooltip({ title: hoverTitle, label: hoverLines }) },
        scales: { x: axis(""), y: axis("") },
      },
    };
  }

  function dataOf(hit) {
    return chart.data.datasets[hit.datasetIndex]?.data[hit.index]?.trial ?? null;
  }

  function hoverTitle(items) {
    const trial = items[0]?.raw?.trial;
    if (!trial) return "Original model";
    const place = trial.recommended ? " (recommended)" : trial.pareto ? " (on the front)" : "";
    return `Trial ${trial.number}${place}`;
  }

  function hoverLines(item) {
    const trial = item.raw.trial;
    if (!trial) return `${pickY.value}: ${number(item.raw.y)}`;
    const scores = trial.scores.map((s) => `${s.name}: ${s.display || number(s.value)}`);
    const parameters = flatParameters(trial.parameters).map(([n, v]) => `${n}: ${value(v)}`);
    return [...scores, "", ...parameters];
  }

  function fillAxes() {
    const names = scoreNames(state);
    const key = names.join("\n");
    if (root.dataset.names === key) return;
    root.dataset.names = key;
    const [oldX, oldY] = [pickX.value, pickY.value];
    for (const select of [pickX, pickY]) {
      const options = names.map((name) => el("option", { value: name }, name));
      select.replaceChildren(...options, el("option", { value: NONE }, "Trial number"));
    }
    pickY.value = names.includes(oldY) ? oldY : (names[0] ?? NONE);
    pickX.value = names.includes(oldX) ? oldX : (names[1] ?? NONE);
  }

  function draw(newState = state, newSelected = selected) {
    if (!newState) return;
    [state, selected] = [newState, newSelected];
    fillAxes();
    const get = (name) => (trial) => (name === NONE ? trial.number : scoreValue(trial, name));
    const [x, y] = [get(pickX.value), get(pickY.value)];
    const points = completeTrials(state.trials)
      .map((trial) => ({ x: x(trial), y: y(trial), trial, ...intervals(trial) }))
      .filter((point) => point.x !== null && point.y !== null);
    if (!logChosen) log.checked = spansDecades(points.map((p) => p.x));
    const floor = log.checked ? smallestPositive(points) : 0;
    const place = (p) => ({ ...p, x: log.checked ? Math.max(p.x, floor) : p.x });
    chart.data.datasets = datasets(points.map(place));
    const [titleX, titleY] = [pickX, pickY].map((pick) => pick.selectedOptions[0]?.text ?? "");
    chart.options.scales.x = log.checked
      ? axis(titleX, { type: "logarithmic", ticks: { callback: decadeTick } })
      : valueAxis(titleX, points.map((p) => p.x), { type: "linear" });
    chart.options.scales.y = valueAxis(titleY, [...points.map((p) => p.y), ...original()]);
    canvas.setAttribute("aria-label", summary(points));
    chart.update("none");
  }

  /** Only the front's: bars of all trials would hide the points. */
  function intervals(trial) {
    if (!trial.pareto) return {};
    return { acrossEnds: scoreInterval(trial, pickX.value), upEnds: scoreInterval(trial, pickY.value) };
  }

  /** The original model's value on the vertical axis, if it has one. */
  function original() {
    const value = state.baseline?.find((s) => s.name === pickY.value)?.value;
    return Number.isFinite(value) ? [value] : [];
  }

  function datasets(points) {
    const front = points.filter((p) => p.trial.pareto).sort((a, b) => a.x - b.x);
    const chosen = points.filter((p) => p.trial.number === selected);
    const xs = points.map((p) => p.x);
    const ends = points.length ? [Math.min(...xs), Math.max(...xs)] : [];
    const compromise = points.filter((p) => p.trial.recommended);
    const line = original().flatMap((y) => ends.map((x) => ({ x, y })));
    return [
      ring("Selected", chosen),
      {
        label: "Recommended", data: compromise, order: 0, pointStyle: "rectRot", pointRadius: 8,
        pointHoverRadius: 8, pointHitRadius: 0, borderWidth: 2, borderColor: color("--accent"),
        backgroundColor: color("--series-2"),
      },
      {
        label: "Front", data: front, showLine: true, borderWidth: 1.5, order: 1,
        pointStyle: "triangle", pointRadius: 6, pointHoverRadius: 8,
        borderColor: color("--series-2"), backgroundColor: color("--series-2"),
      },
      {
        label: "Other trials", data: points.filter((p) => !p.trial.pareto), order: 2,
        pointStyle: "circle", pointRadius: 4, pointHoverRadius: 6,
        borderColor: color("--series-1"), backgroundColor: "transparent", borderWidth: 1.5,
      },
      {
        label: "Original model", data: line, showLine: true, borderDash: [5, 4], order: 3,
        pointRadius: 0, pointHitRadius: 0, borderWidth: 1.5, pointStyle: "line",
        borderColor: color("--text-3"), backgroundColor: "transparent",
      },
    ];
  }

  function ring(label, data) {
    return {
      label, data, order: 0, pointStyle: "circle", pointRadius: 11, pointHoverRadius: 11,
      pointHitRadius: 0, borderWidth: 2, borderColor: color("--accent"),
      backgroundColor: "transparent",
    };
  }

  function summary(points) {
    const front = points.filter((p) => p.trial.pareto).length;
    return `Scatter of ${pickY.value} over ${pickX.value}: ${points.length} trials, ` +
      `${front} on the front. The table below has the same numbers.`;
  }

  return draw;
}

function smallestPositive(points) {
  return Math.min(...points.map((p) => p.x).filter((x) => x > 0), 1);
}
