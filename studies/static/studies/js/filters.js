// Filters of the trials table: state, front, text, and ranges of scores and parameters.

import { scoreNames, scoreValue } from "./derived.js";
import { el, setText, toggle } from "./dom.js";
import { flatParameters } from "./format.js";

const STATES = { "": "any state", complete: "complete", pruned: "pruned", failed: "failed" };

/**
 * @param {() => void} changed called when a filter has changed
 */
export function mountFilters(changed) {
  const onlyFront = el("input", { type: "checkbox", id: "only-front" });
  const text = el("input", {
    type: "search", placeholder: "Tag, note, value …", "aria-label": "Text in trials", size: "14",
  });
  const state = el("select", { "aria-label": "State of trials" },
    ...Object.entries(STATES).map(([value, label]) => el("option", { value }, label)));
  const fields = el("div", { class: "range-fields" });
  const clear = el("button", { type: "button", class: "button small", onclick: clearAll }, "Clear");
  const count = el("span", { class: "muted num" });
  const more = el("details", { class: "ranges" },
    el("summary", {}, "Ranges ", count), fields, clear);
  const row = el("div", { class: "filter-row" },
    el("label", { class: "check" }, onlyFront, " only the front"), state, text);

  /** @type {{matches: (trial: any) => boolean, isSet: () => boolean, clear: () => void}[]} */
  let ranges = [];
  for (const input of [onlyFront, state, text]) input.addEventListener("input", changed);

  function clearAll() {
    ranges.forEach((range) => range.clear());
    update();
  }

  function update() {
    const n = ranges.filter((range) => range.isSet()).length;
    setText(count, n ? `(${n} set)` : "");
    toggle(clear, n > 0);
    changed();
  }

  /** Offer a range for each score and each sampled parameter. */
  function fill(study) {
    const sampled = study.resolved.parameters.filter((p) => p.sampled);
    const names = scoreNames(study);
    const key = [...names, ...sampled.map(nameOf)].join("\n");
    if (fields.dataset.key === key) return;
    fields.dataset.key = key;
    ranges = [
      ...names.map((name) => rangeField(name, (trial) => scoreValue(trial, name), update)),
      ...sampled.map((parameter) => parameterField(parameter, update)),
    ];
    fields.replaceChildren(...ranges.map((range) => range.node));
    toggle(clear, false);
  }

  return {
    nodes: [row, more],
    fill,
    isActive: () =>
      onlyFront.checked || Boolean(state.value || text.value.trim()) || ranges.some((r) => r.isSet()),
    /** @param {import("./types.js").Trial} trial */
    matches(trial) {
      if (onlyFront.checked && !trial.pareto) return false;
      if (state.value && trial.state !== state.value) return false;
      const wanted = text.value.trim().toLowerCase();
      if (wanted && !words(trial).includes(wanted)) return false;
      return ranges.every((range) => range.matches(trial));
    },
  };
}

function nameOf({ name, component }) {
  return component ? `${name} · ${component}` : name;
}

function parameterOf(trial, { name, component }) {
  const value = trial.parameters?.[name];
  return component && value !== null && typeof value === "object" ? value[component] : value;
}

function parameterField(parameter, changed) {
  const read = (trial) => parameterOf(trial, parameter);
  if (Array.isArray(parameter.value)) return choiceField(nameOf(parameter), parameter.value, read, changed);
  return rangeField(nameOf(parameter), read, changed);
}

function rangeField(label, read, changed) {
  const [low, high] = ["from", "to"].map((end) =>
    el("input", { inputmode: "decimal", size: "6", placeholder: end, "aria-label": `${label}, ${end}` }));
  const value = (input) => {
    const typed = input.value.trim().replace(",", ".");
    const number = typed === "" ? null : Number(typed);
    const wrong = Number.isNaN(number);
    input.setAttribute("aria-invalid", String(wrong));
    return wrong ? null : number;
  };
  for (const input of [low, high]) input.addEventListener("input", changed);
  return {
    node: el("div", { class: "range-field" }, el("span", {}, label), el("span", {}, low, " – ", high)),
    isSet: () => value(low) !== null || value(high) !== null,
    clear: () => [low, high].forEach((input) => (input.value = "")),
    matches(trial) {
      const [from, to] = [value(low), value(high)];
      if (from === null && to === null) return true;
      const found = read(trial);
      if (typeof found !== "number") return false;
      return (from === null || found >= from) && (to === null || found <= to);
    },
  };
}

function choiceField(label, choices, read, changed) {
  const pick = el("select", { "aria-label": label },
    el("option", { value: "" }, "any"),
    ...choices.map((choice) => el("option", { value: String(choice) }, String(choice))));
  pick.addEventListener("input", changed);
  return {
    node: el("div", { class: "range-field" }, el("span", {}, label), pick),
    isSet: () => pick.value !== "",
    clear: () => (pick.value = ""),
    matches: (trial) => pick.value === "" || String(read(trial)) === pick.value,
  };
}

/** All of a trial that a text filter looks at. */
function words(trial) {
  const parameters = flatParameters(trial.parameters).map(([, value]) => value);
  const scores = (trial.scores ?? []).map((score) => score.display);
  return [`trial ${trial.number}`, ...trial.tags ?? [], trial.note, trial.error, trial.pruned?.reason, ...parameters, ...scores]
    .join("\n").toLowerCase();
}
