// The page of a study's residual geometry: what is measured, and the job that measures it.

import { call } from "./api.js";
import { byId, el, readJson, setText, toggle } from "./dom.js";
import { mountGeometryJob } from "./geometry-job.js";
import { drawPlots } from "./geometry-plots.js";
import { mountProjection } from "./geometry-projection.js";
import { drawTable } from "./geometry-table.js";

const EMPTY = "Nothing is measured yet: cosines, norms, medians, separability and a picture of each layer.";
const root = byId("geometry-job");
let shown = null;

function show(geometry) {
  if (!geometry.measured_at || geometry.measured_at === shown?.measured_at) return;
  shown = geometry;
  toggle(byId("geometry-found"), true);
  setText(byId("geometry-samples"), samples(geometry.samples));
  drawPlots(geometry);
  drawTable(byId("geometry-table"), geometry);
  drawProjection(geometry);
}

async function drawProjection({ study, has_projection: some }) {
  const box = byId("projection");
  if (!some) {
    box.replaceChildren(el("p", { class: "empty" }, "There are too few prompts to project: it takes eight."));
    return;
  }
  box.setAttribute("aria-busy", "true");
  try {
    const path = `studies/${study}/geometry`;
    mountProjection(box, await call("GET", `${path}/projection`), `/api/v1/${path}/animation.gif`);
  } catch (error) {
    box.replaceChildren(el("div", { class: "callout error", role: "alert" },
      `The projections could not be loaded. ${error.message}`));
  } finally {
    box.removeAttribute("aria-busy");
  }
}

function samples({ good, bad }) {
  const words = ({ count, total }, name) => (count === total
    ? `${total} ${name}` : `${count} of ${total} ${name}, evenly spaced`);
  return `Measured on ${words(good, "good")} and ${words(bad, "bad")} prompts.`;
}

document.addEventListener("theme-changed", () => shown && drawPlots(shown));
mountGeometryJob(root, readJson("geometry-data"), {
  mayRun: !("readOnly" in root.dataset), onChange: show, text: EMPTY,
});
