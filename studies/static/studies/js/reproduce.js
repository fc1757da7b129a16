// Reads a reproduce.json, shows what would be built and what differs, then builds it.

import { call } from "./api.js";
import { byId, el, setText, toggle } from "./dom.js";

const MAX_BYTES = 250_000; // what the server takes in one request

const form = /** @type {HTMLFormElement} */ (byId("reproduce-form"));
const file = /** @type {HTMLInputElement} */ (byId("bundle"));
const model = /** @type {HTMLInputElement} */ (byId("model"));
const layers = /** @type {HTMLInputElement} */ (byId("n_layers"));
const problem = byId("problem");
const plan = byId("plan");
const start = byId("start");

async function request() {
  const chosen = file.files?.[0];
  if (!chosen) throw new Error("Choose a reproduce.json first.");
  if (chosen.size > MAX_BYTES) throw new Error(`${chosen.name} is too large for a reproduce.json.`);
  let bundle;
  try {
    bundle = JSON.parse(await chosen.text());
  } catch {
    throw new Error(`${chosen.name} is not valid JSON.`);
  }
  const body = { bundle, model: model.value.trim() };
  return layers.value ? { ...body, n_layers: Number(layers.value) } : body;
}

async function act(work) {
  toggle(problem, false);
  form.setAttribute("aria-busy", "true");
  try {
    await work(await request());
  } catch (error) {
    setText(problem, error.message);
    toggle(problem, true);
    plan.replaceChildren();
    toggle(start, false);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

async function preview(body) {
  const found = await call("POST", "reproductions/preview", { body });
  plan.replaceChildren(...planParts(found));
  toggle(start, true);
}

async function build(body) {
  const made = await call("POST", "reproductions", { body });
  location.assign(`/studies/${made.study.id}/`);
}

function planParts({ model: name, comparable, differences, notes, resolved }) {
  const values = resolved.parameters.map((one) => el("tr", {},
    el("th", { scope: "row" }, one.name), el("td", {}, one.component || "all"),
    el("td", { class: "num" }, one.display)));
  return [
    el("h2", {}, `One trial of ${name}`),
    el("p", { class: "muted" }, comparable
      ? "The weights are built again, and their hashes compared with those of the file."
      : "The hashes of this file cannot be met; the trial is run and scored."),
    ...notes.map((note) => el("p", {}, note)),
    differences.length ? el("h3", {}, "What differs on this machine") : el("p", {}, "Nothing is known to differ on this machine."),
    differences.length > 0 && el("ul", { class: "plain" }, ...differences.map((d) =>
      el("li", {}, `${d.what}: ${d.then}, now ${d.now} (${d.severity} severity)`))),
    el("h3", {}, "Parameters"),
    el("div", { class: "scroll" }, el("table", { class: "table compact" },
      el("thead", {}, el("tr", {}, ...["Parameter", "Component", "Value"].map((t) => el("th", { scope: "col" }, t)))),
      el("tbody", {}, ...values))),
  ].filter(Boolean);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  act(preview);
});
start.addEventListener("click", () => act(build));
for (const input of [file, model, layers]) {
  input.addEventListener("change", () => toggle(start, false)); // what was previewed is not this
}
