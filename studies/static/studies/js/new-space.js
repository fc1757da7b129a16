// The search space of a new study: a row per parameter and component, each with its editor.

import { el, setText } from "./dom.js";
import { makeEditor } from "./editor.js";
import { value } from "./format.js";
import { layersText, sourceParts } from "./space.js";

/** @param {HTMLElement} body of the table @param {() => void} changed */
export function mountSpace(body, changed) {
  /** @type {Map<string, any>} one row per parameter and component */
  const rows = new Map();
  let schemas = [];

  function makeRow(row, key) {
    const schema = schemas.find((p) => p.name === row.name);
    const editor = makeEditor(schema ?? { choices: [], description: "" }, row, changed);
    const cell = (label) => el("td", { class: "num", "data-label": label });
    const cells = { value: cell("Value"), layers: cell("In this model"), source: cell("Decided by") };
    const node = el("tr", {},
      el("td", { class: "parameter" }, el("strong", {}, row.name),
        el("small", { class: "muted" }, schema?.description ?? "")),
      el("td", { "data-label": "Component" }, row.component || "all"), cells.value, cells.layers, cells.source,
      el("td", {}, editor.root));
    const entry = { row, node, cells, editor };
    rows.set(key, entry);
    return entry;
  }

  return {
    useMethod(parameters) {
      schemas = parameters;
      rows.clear();
      body.replaceChildren();
    },
    /** What was changed for this study, nested as the API takes it. */
    value() {
      const parameters = {};
      for (const { row, editor } of rows.values()) {
        const raw = editor.value();
        if (raw === undefined) continue;
        if (row.component) parameters[row.name] = { ...parameters[row.name], [row.component]: raw };
        else parameters[row.name] = raw;
      }
      return parameters;
    },
    draw(resolved) {
      const keys = resolved.map((row) => `${row.name}|${row.component}`);
      for (const [old, entry] of rows) {
        if (keys.includes(old)) continue;
        entry.node.remove();
        rows.delete(old);
      }
      resolved.forEach((row, index) => {
        const entry = rows.get(keys[index]) ?? makeRow(row, keys[index]);
        entry.row = row;
        entry.cells.value.replaceChildren(
          value(row.value), row.sampled ? "" : el("span", { class: "pill" }, "fixed"));
        setText(entry.cells.layers, layersText(row.layers));
        entry.cells.source.replaceChildren(...sourceParts(row));
        if (body.children[index] !== entry.node) body.insertBefore(entry.node, body.children[index] ?? null);
      });
    },
    showProblems(take) {
      for (const { row, editor } of rows.values()) {
        const base = `parameters.${row.name}`;
        editor.showProblems(take(row.component ? `${base}["${row.component}"]` : base));
      }
    },
  };
}
