// The resolved search space and settings: each value, and which layer decided it.

import { el } from "./dom.js";
import { number, value } from "./format.js";

/** Which layers a fraction means, where the model's number of layers is known. */
export function layersText(layers) {
  if (layers === null || layers === undefined) return "";
  if (Array.isArray(layers)) return `layer ${layers.map(number).join(", ")}`;
  if (typeof layers === "object") return `layer ${number(layers.low)} … ${number(layers.high)}`;
  return `layer ${number(layers)}`;
}

/** The deciding layer, and behind it what it overruled. */
export function sourceParts(row) {
  const chain = row.chain ?? [];
  if (!chain.length) return [el("span", { class: "source" }, row.source)];
  const old = [...chain].reverse().map((c) => `${c.source}: ${c.display ?? value(c.value)}`);
  return [
    el("span", { class: "source" }, row.source),
    el("span", { class: "over" }, `instead of ${old.join(", ")}`),
  ];
}

/** @param {HTMLElement} root @param {{parameters: any[], settings: any[]}} resolved */
export function drawSpace(root, resolved) {
  root.replaceChildren(
    el("h3", {}, "Parameters"), parameterTable(resolved.parameters),
    el("h3", {}, "Settings"), settingTable(resolved.settings),
  );
}

function parameterTable(rows) {
  return table(["Parameter", "Component", "Value", "In this model", "Decided by"], rows.map((row) => [
    row.name, row.component || "all",
    el("span", {}, value(row.value),
      row.sampled ? null : el("span", { class: "pill" }, "fixed")),
    layersText(row.layers), el("span", {}, ...sourceParts(row)),
  ]));
}

function settingTable(rows) {
  return table(["Setting", "Value", "Decided by"], rows.map((row) => [
    row.name, el("span", { class: "long" }, settingText(row.value), layersOfSetting(row)), el("span", {}, ...sourceParts(row)),
  ]));
}

/** Which layers a setting means, where it means some. */
function layersOfSetting(row) {
  return row.layers ? ` (layers ${row.layers.join(", ") || "none"})` : "";
}

/** Numbers and ranges as a person types them: 0, 3, 5–7. */
export function spansText(spans) {
  return spans.map((one) => (isSpan(one) ? `${one.low}–${one.high}` : String(one))).join(", ");
}

function isSpan(one) {
  return Boolean(one) && typeof one === "object" && "low" in one && "high" in one;
}

/** @param {any} raw a setting's value; lists of tables as one line each */
export function settingText(raw) {
  if (Array.isArray(raw) && raw.some(isSpan)) return spansText(raw);
  if (Array.isArray(raw) && raw.some((item) => item && typeof item === "object" && !Array.isArray(item))) {
    return raw.map(scorerText).join("\n");
  }
  if (Array.isArray(raw)) return raw.map((item) => (Array.isArray(item) ? item.join(" → ") : value(item))).join(", ");
  return value(raw);
}

function scorerText(item) {
  if (!item?.scorer) return JSON.stringify(item);
  const prompts = item.settings?.prompts ? ` on ${item.settings.prompts}` : "";
  return `${item.name || item.scorer}${prompts} (${item.optimization ?? "as usual"})`;
}

function table(titles, rows) {
  return el("div", { class: "scroll" },
    el("table", { class: "table" },
      el("thead", {}, el("tr", {}, ...titles.map((t) => el("th", { scope: "col" }, t)))),
      el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((c) => el("td", {}, c)))))));
}
