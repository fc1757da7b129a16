// Finished models beside their bases: start a comparison, follow it, read how it came out.

import { call } from "./api.js";
import { byId, el, readJson } from "./dom.js";
import { jobList } from "./job-list.js";
import { scoringRow } from "./scoring-row.js";

const { profiles, exports, evaluations, shown } = readJson("page-data");
const root = byId("evaluations");

const mayRun = root.dataset.readOnly === undefined;

const cancel = mayRun ? (one) => act(() => call("POST", `jobs/${one.job.id}/cancel`)) : null;
const { act, show } = jobList(root, {
  path: `evaluations?limit=${shown}`,
  items: (answer) => answer.items,
  row,
  empty: "Nothing was compared yet.",
});
document.getElementById("evaluation-form")?.append(form());
show(evaluations);

function row(one) {
  return scoringRow(one, {
    title: `${one.model} against ${one.original}`,
    cancel,
    first: [],
    titles: ["score"],
    label: () => "Finished",
    before: () => [],
  });
}

function form() {
  const model = text({ name: "model", list: "models", maxlength: 300, placeholder: "owner/name, or a folder here" });
  const base = text({ name: "base", list: "models", maxlength: 300, placeholder: "owner/name, or a folder here" });
  const made = select("export", [["", "none: the model named here"], ...exports.map((one) => [one.id, one.name])]);
  const profile = select("profile", profiles.map((one) => [one.slug, one.name]));
  const node = el("form", { class: "export-form" },
    el("div", { class: "fields two" },
      field("Finished model", model, "Safetensors only, without code of its own."),
      exports.length > 0 && field("Or an export", made, "A merged model or an adapter of yours."),
      field("Base", base, "What it was made from. Of an export, empty: its study's model."),
      field("Preset", profile, "Whose scorers, prompt sets and answer settings are used.")),
    el("button", { type: "submit", class: "button primary" }, "Evaluate"));
  made.addEventListener("change", () => { model.disabled = made.value !== ""; });
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = {
      model: made.value ? "" : model.value.trim(), export: made.value || null,
      base: base.value.trim(), profile: profile.value,
    };
    act(() => call("POST", "evaluations", { body }));
  });
  return node;
}

/** @returns {HTMLInputElement} */
function text(attributes) {
  return /** @type {HTMLInputElement} */ (el("input", { autocomplete: "off", ...attributes }));
}

/** @returns {HTMLSelectElement} */
function select(name, options) {
  return /** @type {HTMLSelectElement} */ (
    el("select", { name }, ...options.map(([value, label]) => el("option", { value }, label))));
}

function field(label, input, hint) {
  return el("label", { class: "field" }, el("span", {}, label), input, el("small", { class: "muted" }, hint));
}
