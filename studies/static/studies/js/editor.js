// Edits one parameter for one study: leave it, a constant, a range, or a list of choices.

import { el, toggle } from "./dom.js";

/** What a person typed: a number if it is one, else the text, for the server to refuse. */
export function typed(text) {
  const trimmed = text.trim();
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? Number(trimmed) : trimmed;
}

/**
 * @param {{name: string, unit: string, description: string, choices: string[]}} parameter
 * @param {{name: string, component: string, value: any}} row as resolved when the page opened
 * @param {() => void} changed
 */
export function makeEditor(parameter, row, changed) {
  const label = row.component ? `${row.name} of ${row.component}` : row.name;
  const isChoice = parameter.choices.length > 0;
  const kinds = isChoice
    ? { keep: "leave as is", constant: "one value", choices: "choices" }
    : { keep: "leave as is", constant: "one value", range: "range", choices: "choices" };
  const kind = el("select", { "aria-label": `What to do with ${label}` },
    ...Object.entries(kinds).map(([key, text]) => el("option", { value: key }, text)));
  const forms = isChoice ? choiceForms(parameter, label) : numberForms(parameter, row, label);
  const problem = el("small", { class: "problem", role: "alert", hidden: true });
  const root = el("div", { class: "editor" }, kind, ...Object.values(forms).map((f) => f.node), problem);

  kind.addEventListener("change", () => {
    for (const [key, form] of Object.entries(forms)) toggle(form.node, key === kind.value);
    changed();
  });
  root.addEventListener("input", (event) => {
    if (event.target !== kind) changed();
  });
  return {
    root,
    /** The raw value for the API, or undefined to leave the parameter as it is. */
    value: () => (kind.value === "keep" ? undefined : forms[kind.value].value()),
    /** @param {{place: string, message: string}[]} problems places relative to the value */
    showProblems(problems) {
      problem.textContent = problems.map((p) => `${p.place.replace(/^\./, "")} ${p.message}`.trim()).join("; ");
      toggle(problem, problems.length > 0);
      for (const input of root.querySelectorAll("input")) {
        const wrong = problems.some((p) => !p.place || p.place === `.${input.dataset.part}`);
        if (wrong) input.setAttribute("aria-invalid", "true");
        else input.removeAttribute("aria-invalid");
      }
    },
  };
}

function numberInput(part, label, start) {
  return /** @type {HTMLInputElement} */ (el("input", {
    class: "num", inputmode: "decimal", size: 6, "aria-label": `${part}, ${label}`,
    value: start ?? "", dataset: { part }, autocomplete: "off",
  }));
}

function numberForms(parameter, row, label) {
  const now = row.value;
  const isRange = now && typeof now === "object" && "low" in now;
  const constant = numberInput("value", label, isRange ? now.high : now);
  const low = numberInput("low", label, isRange ? now.low : now);
  const high = numberInput("high", label, isRange ? now.high : now);
  const step = numberInput("step", label, isRange ? now.step : null);
  step.placeholder = "none";
  const log = /** @type {HTMLInputElement} */ (el("input", { type: "checkbox", checked: isRange && now.log }));
  const counts = parameter.unit === "whole number"; // nothing else is taken
  const integer = /** @type {HTMLInputElement} */ (el("input", {
    type: "checkbox", checked: counts || (isRange && now.integer), disabled: counts,
  }));
  const list = numberInput("choices", label, "");
  list.size = 16;
  list.placeholder = "0.4, 0.6, 0.8";
  return {
    constant: { node: hidden(constant), value: () => typed(constant.value) },
    range: {
      node: hidden(low, el("span", {}, "to"), high, el("label", { class: "check" }, log, " log"),
        el("label", { class: "check" }, integer, " whole"), el("label", { class: "check" }, "step ", step)),
      value: () => ({
        low: typed(low.value), high: typed(high.value), log: log.checked,
        ...(integer.checked ? { integer: true } : {}),
        ...(step.value.trim() ? { step: typed(step.value) } : {}),
      }),
    },
    choices: { node: hidden(list), value: () => list.value.split(",").map(typed).filter((v) => v !== "") },
  };
}

function choiceForms(parameter, label) {
  const pick = el("select", { "aria-label": label },
    ...parameter.choices.map((choice) => el("option", { value: choice }, choice)));
  const boxes = parameter.choices.map((choice) => /** @type {HTMLInputElement} */ (
    el("input", { type: "checkbox", value: choice, checked: true })));
  const labels = boxes.map((box) => el("label", { class: "check" }, box, ` ${box.value}`));
  return {
    constant: { node: hidden(pick), value: () => pick.value },
    choices: { node: hidden(...labels), value: () => boxes.filter((b) => b.checked).map((b) => b.value) },
  };
}

function hidden(...children) {
  return el("span", { class: "editor-form", hidden: true }, ...children);
}
