// Draws plotly figures in the site's colours; the server sends them without any style.

import { SERIES, color } from "./chart-base.js";

const PER_BAR = 15; // pixels
const HEIGHTS = { parallel: 460, timeline: 260 };
const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "x"];
const MARGINS = 76; // pixels above and below, as in look()
const SLICE = 150;
const SLICE_GAP = 70;
const CONFIG = { displayModeBar: false, responsive: true };

/**
 * @param {HTMLElement} box
 * @param {{data: any[], layout: any}} figure
 * @param {string} kind
 * @param {string} title for those who hear the page
 * @param {string} [elsewhere] where they find what it shows
 */
export function drawFigure(
  box, figure, kind, title, elsewhere = "The table of trials has the same numbers.",
) {
  const narrow = box.clientWidth < 560;
  const data = figure.data.map((trace, index) => styled(trace, index, kind));
  const layout = {
    ...clean(figure.layout),
    ...look(narrow),
    height: height(figure, kind, narrow),
    template: { layout: axesLook() },
  };
  if (kind === "slice") arrange(data, layout, sliceColumns(narrow));
  if (kind === "parallel" && narrow) turn(data, layout);
  if (kind === "importances") for (const trace of data) trace.y = trace.y.map(twoLines);
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", `${title}. ${elsewhere}`);
  window.Plotly.react(box, data, layout, CONFIG);
}

function height(figure, kind, narrow) {
  if (kind === "importances") {
    const bars = figure.data.reduce((n, trace) => n + trace.y.length, 0);
    return 120 + Math.max(6, bars) * PER_BAR;
  }
  if (kind === "slice") {
    const rows = Math.ceil(figure.data.length / sliceColumns(narrow));
    return MARGINS + rows * SLICE + (rows - 1) * SLICE_GAP;
  }
  if (kind === "parallel" && narrow) return MARGINS + 58 * figure.layout.xaxis.ticktext.length;
  return HEIGHTS[kind] ?? 320;
}

/** Parameter and component of a long name below each other. */
function twoLines(name) {
  return name.replace(" · ", "<br>");
}

function sliceColumns(narrow) {
  return narrow ? 1 : 4;
}

function look(narrow) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("--text-2") },
    colorway: SERIES.map(color),
    margin: { l: narrow ? 44 : 56, r: narrow ? 12 : 24, t: 24, b: 52 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", xanchor: "left" },
    hoverlabel: {
      bgcolor: color("--tooltip"), bordercolor: color("--tooltip"),
      font: { color: color("--tooltip-text") },
    },
  };
}

/** Every axis of the figure, also those that it names itself, takes these from the template. */
function axesLook() {
  const axis = {
    gridcolor: color("--line-soft"), linecolor: color("--line"), zerolinecolor: color("--line"),
    automargin: true, title: { standoff: 8 },
  };
  return { xaxis: axis, yaxis: axis };
}

function clean({ width, height: _height, ...layout }) {
  return layout;
}

function styled(trace, index, kind) {
  const marker = { ...trace.marker };
  if (kind === "parallel") {
    const own = color({ Front: "--series-2", Recommended: "--accent" }[trace.name] ?? "--text-3");
    return { ...trace, line: { ...trace.line, color: own }, marker: { ...marker, color: own } };
  }
  if (kind === "slice") {
    const scale = [[0, color("--mark")], [1, color("--series-1")]];
    return {
      ...trace,
      marker: {
        ...marker, colorscale: scale, size: 7, line: { color: color("--text-3"), width: 0.5 },
        showscale: false, // its bar sets inline styles; the text above says what it would
      },
    };
  }
  const place = trace.meta?.series ?? index; // of several that belong together
  const own = color(SERIES[place % SERIES.length]);
  if (trace.type === "bar") {
    const pattern = { ...marker.pattern, fillmode: "overlay", fgcolor: color("--surface"), solidity: 0.35, size: 6 };
    return { ...trace, marker: { ...marker, color: own, pattern, line: { color: color("--surface"), width: 1 } } };
  }
  return {
    ...trace,
    line: { ...trace.line, color: own, width: 2, shape: trace.name === "Best Value" ? "hv" : "linear" },
    marker: { ...marker, color: own, symbol: trace.meta?.symbol ?? SYMBOLS[place % SYMBOLS.length], size: 6 },
  };
}

/** Side by side, a dozen slices leave nothing of each: a grid of them, one column on a phone. */
function arrange(data, layout, columns) {
  const rows = Math.ceil(data.length / columns);
  const inner = rows * SLICE + (rows - 1) * SLICE_GAP;
  data.forEach((_trace, index) => {
    const end = index ? String(index + 1) : "";
    const [row, column] = [Math.floor(index / columns), index % columns];
    const top = 1 - (row * (SLICE + SLICE_GAP)) / inner;
    layout[`xaxis${end}`] = {
      ...layout[`xaxis${end}`], anchor: `y${end}`, automargin: false,
      domain: [(column + 0.08) / columns, (column + 0.92) / columns],
      title: { text: twoLines(titleOf(layout[`xaxis${end}`])), font: { size: 11 } },
    };
    layout[`yaxis${end}`] = {
      ...layout[`yaxis${end}`], anchor: `x${end}`, domain: [Math.max(0, top - SLICE / inner), top],
      showticklabels: column === 0, title: { text: column === 0 ? titleOf(layout.yaxis) : "" },
    };
  });
}

function titleOf(axis) {
  return axis?.title?.text ?? "";
}

/** On a phone the axes lie below each other, and the trials run down. */
function turn(data, layout) {
  for (const trace of data) [trace.x, trace.y] = [trace.y, trace.x];
  const { tickvals, ticktext } = layout.xaxis;
  layout.xaxis = layout.yaxis;
  layout.yaxis = {
    tickvals, ticktext: ticktext.map(twoLines), automargin: true, autorange: "reversed",
    tickfont: { size: 10 },
  };
  layout.annotations = layout.annotations.map(({ x, y, yshift, ...rest }) =>
    ({ ...rest, x: y, y: x, yshift: 12, xshift: yshift > 0 ? -8 : 8 }));
}
