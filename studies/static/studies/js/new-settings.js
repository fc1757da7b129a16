// The settings of a new study: the main ones in sight, the others folded away.

import { byId } from "./dom.js";
import { makeField } from "./fields.js";

const MAIN = [
  "n_trials", "n_startup_trials", "seed", "max_response_length", "batch_size", "good_prompts",
  "bad_prompts", "row_normalization",
];

/** @param {{slug: string, name: string}[]} promptSets @param {() => void} changed */
export function mountSettings(promptSets, changed) {
  /** @type {ReturnType<typeof makeField>[]} */
  let fields = [];
  return {
    useMethod(settings) {
      fields = settings.map((s) => makeField(s, promptSets, changed));
      const main = MAIN.map((n) => fields.find((f) => f.name === n)).filter(Boolean);
      byId("main-settings").replaceChildren(...main.map((f) => f.root));
      byId("other-settings").replaceChildren(
        ...fields.filter((f) => !MAIN.includes(f.name)).map((f) => f.root));
    },
    /** What was set for this study. */
    value: () => Object.fromEntries(
      fields.map((f) => [f.name, f.value()]).filter(([, v]) => v !== undefined)),
    draw(resolved) {
      const rows = new Map(resolved.map((s) => [s.name, s]));
      for (const field of fields) field.showResolved(rows.get(field.name));
    },
    showProblems(take) {
      for (const field of fields) field.showProblems(take(`settings.${field.name}`, field.name));
      if (fields.some((f) => !MAIN.includes(f.name) && f.root.querySelector("[aria-invalid]"))) {
        byId("more").open = true;
      }
    },
  };
}
