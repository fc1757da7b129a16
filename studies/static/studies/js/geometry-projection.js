// Each layer's picture of all prompts: a slider, a play button, and the prompt under the pointer.

import { color } from "./chart-base.js";
import { el, setText } from "./dom.js";

const MOVE = 600; // milliseconds from a layer to the next
const HOLD = 500; // and at each
const EDGE = 1.08; // of the farthest point
const NARROW = 400; // pixels of a picture on a phone
const [LINE, SHORT] = [56, 24]; // characters of a line of a tooltip, and on a phone
const MOST = 180; // characters of a tooltip; the text beside the picture has more
const GROUPS = { good: ["Good prompts", "--series-1", "circle"], bad: ["Bad prompts", "--series-2", "triangle-up"] };
const quiet = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * @param {HTMLElement} root
 * @param {{prompts: {group: string, text: string}[], points: [number, number][][]}} projection
 * @param {string} download address of the animation
 */
export function mountProjection(root, { prompts, points }, download) {
  const last = points.length - 1;
  const slider = /** @type {HTMLInputElement} */ (
    el("input", { type: "range", min: 0, max: last, value: last, step: 1 }));
  const output = el("output", { class: "num" });
  const play = el("button", { type: "button", class: "button" }, "Play");
  const plot = el("div", { class: "projection-plot" });
  const said = el("p", { class: "projection-prompt muted" }, "Point at a prompt, or tap it, to read it here.");
  const groups = Object.keys(GROUPS);
  const rowsOf = Object.fromEntries(groups.map((group) => [
    group, prompts.flatMap((one, row) => (one.group === group ? [row] : [])),
  ]));
  const reach = EDGE * Math.max(1, ...points.flat(2).map(Math.abs));
  let shown = points[last];
  let frame = 0;
  let timer = 0;

  root.replaceChildren(
    el("p", { class: "muted" }, "PaCMAP of the residuals. Each layer is turned onto the one before and drawn to one size; the axes mean nothing."),
    el("div", { class: "projection-tools" }, play,
      el("label", {}, "Layer index", slider, output),
      el("a", { href: download, download: "" }, "Animation as GIF")),
    el("div", { class: "projection" }, plot, el("div", {}, el("h3", {}, "Prompt"), said)));

  function draw() {
    window.Plotly.react(plot, groups.map(trace), layout(reach, plot.clientWidth), {
      displayModeBar: false, responsive: true,
    });
  }

  function trace(group) {
    const [name, ink, symbol] = GROUPS[group];
    const narrow = plot.clientWidth < NARROW;
    const rows = rowsOf[group];
    return {
      type: "scatter", mode: "markers", name: `${name} (${rows.length})`,
      x: rows.map((row) => shown[row][0]), y: rows.map((row) => shown[row][1]),
      text: rows.map((row) => tooltip(prompts[row].text, narrow ? SHORT : LINE)), customdata: rows,
      hovertemplate: "%{text}<extra></extra>",
      marker: { color: color(ink), symbol, size: narrow ? 6 : 8, opacity: 0.85, line: { color: color("--surface"), width: 0.75 } },
    };
  }

  function place() {
    window.Plotly.restyle(plot, {
      x: groups.map((group) => rowsOf[group].map((row) => shown[row][0])),
      y: groups.map((group) => rowsOf[group].map((row) => shown[row][1])),
    });
  }

  /** Move to a layer, from wherever the points are now. */
  function goTo(layer) {
    const [from, to, begun] = [shown, points[layer], performance.now()];
    slider.value = String(layer);
    label(layer);
    cancelAnimationFrame(frame);
    const step = () => {
      const share = quiet.matches ? 1 : Math.min(1, (performance.now() - begun) / MOVE);
      const eased = share * share * (3 - 2 * share);
      shown = to.map(([x, y], row) => [
        from[row][0] + eased * (x - from[row][0]), from[row][1] + eased * (y - from[row][1]),
      ]);
      place();
      if (share < 1) frame = requestAnimationFrame(step);
    };
    step();
  }

  function label(layer) {
    const words = layer === 0 ? "embedding" : `${layer} of ${last}`;
    setText(output, words);
    slider.setAttribute("aria-valuetext", words);
    plot.setAttribute("aria-label", `Projection, layer index ${words}: good and bad prompts as points`);
  }

  function pause() {
    clearTimeout(timer);
    timer = 0;
    setText(play, "Play");
  }

  function next() {
    const layer = Number(slider.value);
    if (layer >= last) return pause();
    goTo(layer + 1);
    timer = window.setTimeout(next, MOVE + HOLD);
  }

  play.addEventListener("click", () => {
    if (timer) return pause();
    setText(play, "Pause");
    if (Number(slider.value) >= last) goTo(0);
    timer = window.setTimeout(next, MOVE + HOLD);
  });
  slider.addEventListener("input", () => {
    pause();
    goTo(Number(slider.value));
  });
  plot.setAttribute("role", "img");
  label(last);
  draw();
  for (const kind of ["plotly_hover", "plotly_click"]) plot.on(kind, ({ points: [point] }) => tell(point));
  document.addEventListener("theme-changed", draw);

  function tell(point) {
    const { group, text } = prompts[point.customdata];
    setText(said, text);
    said.dataset.group = group;
    said.classList.remove("muted");
  }
}

/** A prompt as plotly's pseudo-HTML: nothing of it is read as a tag or an entity. */
function tooltip(text, width) {
  const cut = text.length > MOST ? `${text.slice(0, MOST - 1)}…` : text;
  return folded(cut, width).map(escaped).join("<br>");
}

function folded(text, width) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const tail = lines[lines.length - 1];
    if (tail && tail.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = tail ? `${tail} ${word}` : word;
  }
  return lines.flatMap((one) => one.match(new RegExp(`.{1,${width}}`, "gu")) ?? [""]);
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function layout(reach, width) {
  const axis = {
    range: [-reach, reach], showticklabels: false, ticks: "", zeroline: false, fixedrange: true,
    gridcolor: color("--line-soft"), linecolor: color("--line"), showline: true, mirror: true,
  };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("--text-2") },
    margin: { l: 8, r: 8, t: 30, b: 8 },
    height: Math.max(260, Math.min(620, width)),
    legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom", xanchor: "left" },
    xaxis: axis, yaxis: { ...axis, scaleanchor: "x" },
    hovermode: "closest", dragmode: false,
    hoverlabel: {
      bgcolor: color("--tooltip"), bordercolor: color("--tooltip"), align: "left",
      font: { color: color("--tooltip-text") },
    },
  };
}
