// One field per study setting; empty means: as the preset has it.

import { el, setText, toggle } from "./dom.js";
import { typed } from "./editor.js";
import { settingText } from "./space.js";

export const UNREADABLE = Symbol("not JSON");

/**
 * @param {{name: string, description: string, kind: string, choices: string[]}} setting
 * @param {{slug: string, name: string}[]} promptSets
 * @param {() => void} changed
 */
export function makeField(setting, promptSets, changed) {
  const input = makeInput(setting, promptSets);
  const source = el("small", { class: "muted decided" });
  const problem = el("small", { class: "problem", role: "alert", hidden: true });
  const root = el("label", { class: `field kind-${setting.kind}`, title: setting.description },
    el("span", {}, setting.name.replaceAll("_", " ")),
    input, el("small", { class: "muted" }, setting.description), source, problem);
  input.addEventListener("input", changed);

  return {
    root,
    name: setting.name,
    /** The value for the API, undefined to leave it, or UNREADABLE. */
    value: () => readInput(setting, input),
    /** Say what holds unless something is typed here. */
    showResolved(row) {
      const own = readInput(setting, input) !== undefined;
      const text = row ? settingText(row.value) : "";
      if (!own) showDefault(setting, input, text, row);
      setText(source, row ? `decided by ${row.source}` : "not set");
    },
    showProblems(problems) {
      setText(problem, problems.map((p) => `${p.place} ${p.message}`.trim()).join("; "));
      toggle(problem, problems.length > 0);
      if (problems.length) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
  };
}

function makeInput(setting, promptSets) {
  const options = {
    choice: setting.choices.map((choice) => [choice, choice]),
    prompts: promptSets.map(({ slug, name }) => [slug, name]),
    boolean: [["true", "yes"], ["false", "no"]],
  }[setting.kind];
  if (options) {
    return el("select", { name: setting.name }, el("option", { value: "" }, ""),
      ...options.map(([value, text]) => el("option", { value }, text)));
  }
  if (setting.kind === "json" || setting.kind === "string") {
    return el("textarea", { name: setting.name, rows: 2, spellcheck: "false" });
  }
  return el("input", { name: setting.name, class: "num", inputmode: "decimal", autocomplete: "off" });
}

function readInput(setting, input) {
  const text = input.value;
  if (!text.trim()) return undefined;
  if (setting.kind === "boolean") return text === "true";
  if (setting.kind === "integer" || setting.kind === "number") return typed(text);
  if (setting.kind !== "json") return text;
  try {
    return JSON.parse(text);
  } catch {
    return UNREADABLE;
  }
}

function showDefault(setting, input, text, row) {
  if (input instanceof HTMLSelectElement) {
    const known = [...input.options].find((o) => o.value && o.value === String(row?.value));
    setText(input.options[0], `as is: ${known?.text ?? (text || "not set")}`);
  } else {
    input.setAttribute("placeholder", setting.kind === "json" ? JSON.stringify(row?.value ?? null) : text);
  }
}
