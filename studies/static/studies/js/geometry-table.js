// Every number of every layer, sorted by any column.

import { el } from "./dom.js";
import { number } from "./format.js";

const LAYER = {
  name: "layer", label: "Index", description: "0: the embedding's output; l + 1: the output of layer l.",
};

/** @param {HTMLElement} root @param {{columns: any[], layers: any[]}} geometry */
export function drawTable(root, { columns, layers }) {
  let sort = { name: LAYER.name, up: true };
  const head = el("tr");
  const body = el("tbody");
  const table = el("table", { class: "table compact num" }, el("thead", {}, head), body);
  root.replaceChildren(el("div", {
    class: "geometry-scroll", tabindex: "0", role: "group", "aria-label": "Table of the layers",
  }, table));
  const rows = layers.map((line, layer) => ({ layer, ...line }));

  function draw() {
    const focused = document.activeElement?.closest("th")?.dataset.column;
    head.replaceChildren(...[LAYER, ...columns].map(headCell));
    body.replaceChildren(...[...rows].sort(compare).map(rowOf));
    if (focused) head.querySelector(`[data-column="${focused}"] button`)?.focus();
  }

  function compare(a, b) {
    const [x, y] = [a[sort.name], b[sort.name]];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a.layer - b.layer;
    return (sort.up ? 1 : -1) * (x - y) || a.layer - b.layer;
  }

  function headCell({ name, label, description }) {
    const active = sort.name === name;
    const order = active ? (sort.up ? "ascending" : "descending") : "none";
    const arrow = active ? (sort.up ? "↑" : "↓") : "";
    return el("th", { scope: "col", "aria-sort": order, dataset: { column: name } },
      el("button", { type: "button", class: "sort", title: description, onclick: () => sortBy(name) },
        label, el("span", { class: "arrow", "aria-hidden": "true" }, arrow)));
  }

  function sortBy(name) {
    sort = { name, up: sort.name === name ? !sort.up : name === LAYER.name };
    draw();
  }

  function rowOf(row) {
    return el("tr", {}, el("th", { scope: "row" }, row.layer === 0 ? "0 (embedding)" : row.layer),
      ...columns.map(({ name }) => el("td", {}, shown(row[name]))));
  }

  draw();
}

function shown(value) {
  return value === null ? "–" : Math.abs(value) >= 1000 ? number(value) : value.toFixed(4);
}
