// One field per study setting; empty means: as the preset has it.

import { el, setText, toggle } from "./dom.js";
import { typed } from "./editor.js";
import { settingText, spansText } from "./space.js";

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
      const layers = row?.layers ? ` · layers ${row.layers.join(", ") || "none"}` : "";
      setText(source, row ? `decided by ${row.source}${layers}` : "not set");
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
  if (setting.kind === "spans") return spans(text);
  if (setting.kind !== "json") return text;
  try {
    return JSON.parse(text);
  } catch {
    return UNREADABLE;
  }
}

/** `0, 3, 5–7` as numbers and ranges, or `none`; anything else stays text, to be refused. */
function spans(text) {
  if (text.trim().toLowerCase() === "none") return [];
  return text.split(/[,\n]/).map((part) => part.trim()).filter(Boolean).map((part) => {
    const ends = part.match(/^([\d.]+)\s*(?:–|-|…|to)\s*([\d.]+)$/);
    return ends ? { low: typed(ends[1]), high: typed(ends[2]) } : typed(part);
  });
}

function showDefault(setting, input, text, row) {
  if (input instanceof HTMLSelectElement) {
    const known = [...input.options].find((o) => o.value && o.value === String(row?.value));
    setText(input.options[0], `as is: ${known?.text ?? (text || "not set")}`);
  } else {
    const shown = {
      json: () => JSON.stringify(row?.value ?? null),
      spans: () => spansText(row?.value ?? []) || "none, or for example 0, 3, 5–7",
    }[setting.kind];
    input.setAttribute("placeholder", shown ? shown() : text);
  }
}
