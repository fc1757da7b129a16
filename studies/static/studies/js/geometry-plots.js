// Lines across the layers: separability, silhouette, cosines and norms.

import { drawFigure } from "./figure.js";

const TABLE = "The table below has the same numbers.";
const SYMBOLS = ["circle", "square", "triangle-up"];
const PLOTS = {
  separation: { columns: ["d_prime"], axis: "d′" },
  silhouette: { columns: ["silhouette", "auc"], axis: "" },
  cosines: {
    columns: ["cos_good_bad", "cos_good_direction", "cos_bad_direction"], axis: "Cosine", medians: true,
  },
  norms: { columns: ["norm_good", "norm_bad", "norm_direction"], axis: "Norm", medians: true },
};

/** @param {any} geometry as the API shows it */
export function drawPlots(geometry) {
  for (const box of document.querySelectorAll("[data-plot]")) {
    const { columns, axis, medians } = PLOTS[box.dataset.plot];
    const data = columns.flatMap((name, series) => [
      line(geometry, name, series, false), ...(medians ? [line(geometry, `${name}_median`, series, true)] : []),
    ]);
    const title = box.closest("section").querySelector("h2").textContent;
    drawFigure(box, { data, layout: layout(axis) }, "layers", title, TABLE);
  }
}

/** Medians have the colour of their means, dashed and with hollow points. */
function line({ columns, layers }, name, series, isMedian) {
  const label = columns.find((column) => column.name === name).label;
  return {
    type: "scatter", mode: "lines+markers", name: label, cliponaxis: false,
    x: layers.map((_line, layer) => layer), y: layers.map((row) => row[name]),
    line: { dash: isMedian ? "dot" : "solid" },
    meta: { series, symbol: isMedian ? `${SYMBOLS[series]}-open` : SYMBOLS[series] },
    hovertemplate: `index %{x}: %{y:.4f}<extra>${label}</extra>`,
  };
}

function layout(axis) {
  return {
    xaxis: { title: { text: "Layer index (0: embedding)" }, rangemode: "tozero", zeroline: false },
    yaxis: { title: { text: axis }, rangemode: "tozero" },
    hovermode: "closest",
  };
}
