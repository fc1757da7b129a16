// What all charts share: colours of the theme, fonts, and a redraw when the theme changes.

import { number } from "./format.js";

/** Okabe-Ito colours by their CSS variable; shapes carry the same meaning without colour. */
export const SERIES = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5"];
export const SHAPES = ["circle", "rect", "triangle", "rectRot", "star"];
export const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [12, 4]];

const probe = document.createElement("span");
probe.hidden = true;

/** Resolve a CSS variable to a colour that a canvas understands. */
export function color(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {() => any} config builds a Chart.js configuration with the colours of now
 */
export function makeChart(canvas, config) {
  const Chart = window.Chart;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  const still = () => {
    const { options, ...rest } = config();
    return { ...rest, options: { ...options, animation: false } };
  };
  const chart = new Chart(canvas, still());
  return {
    chart,
    /** Draw again with the colours of the new theme. */
    onTheme(redraw) {
      document.addEventListener("theme-changed", () => {
        if (!canvas.isConnected) return;
        chart.options = still().options;
        chart.update("none"); // until then, what is set on them is lost
        redraw();
      });
    },
  };
}

/** An axis in the theme's quiet colours. */
export function axis(title, more = {}) {
  return {
    title: { display: Boolean(title), text: title, color: color("--text-2") },
    ticks: { color: color("--text-2"), maxRotation: 0, autoSkipPadding: 12, ...more.ticks },
    grid: { color: color("--line-soft") },
    border: { color: color("--line") },
    ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== "ticks")),
  };
}

/** A value axis: from zero where nothing is below it, and little empty room above. */
export function valueAxis(title, values, more = {}) {
  const most = Math.max(...values);
  const fits = values.length > 0 && values.every((v) => v >= 0) && most > 0;
  const bounds = fits ? { min: 0, max: most * 1.07 } : { grace: "7%" };
  return axis(title, { ...bounds, ...more, ticks: { includeBounds: false, ...more.ticks } });
}

/** Whether a logarithmic axis would show more: all positive, over several decades. */
export function spansDecades(values) {
  const positive = values.filter((v) => v > 0);
  return positive.length > 4 && values.every((v) => v >= 0 && v < 1e3) &&
    Math.max(...positive) / Math.min(...positive) > 50;
}

/** Labels of a logarithmic axis: only the powers of ten. */
export function decadeTick(tick) {
  if (Math.abs(Math.log10(tick) % 1) > 1e-9) return "";
  return tick < 1e-3 ? tick.toExponential(0) : number(tick);
}

/** A tooltip in the theme's colours. */
export function tooltip(callbacks) {
  return {
    backgroundColor: color("--tooltip"),
    titleColor: color("--tooltip-text"),
    bodyColor: color("--tooltip-text"),
    padding: 10,
    displayColors: false,
    bodySpacing: 3,
    callbacks,
  };
}

/** A legend that shows the points' shapes. */
export function legend() {
  return {
    position: "top",
    align: "start",
    labels: { color: color("--text-2"), usePointStyle: true, boxHeight: 7, padding: 14 },
  };
}
