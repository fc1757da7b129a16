// Rows of parameters and scorers: only the fields that the row's choice needs are shown.
// Without this module every field is visible, and the server ignores those that do not apply.

import { fieldOf, prefill, rowOf } from "./spec-defaults.js";

const FIELDS_OF_KIND = {
  constant: ["constant"],
  float: ["low", "high", "step", "log"],
  integer: ["low", "high", "step", "log"],
  choices: ["choices"],
};
const VALUE_FIELDS = ["constant", "low", "high", "step", "log", "choices"];
const RANGES = ["float", "integer"];

/** @param {Element} row @param {string} name @returns {HTMLElement|null} the field's cell */
const cell = (row, name) => row.querySelector(`td.field-${name}`);

/** Show the cells of the row's kind, stretched so that every row has the same columns.
 * @param {Element} row */
function showKind(row) {
  const kind = row.querySelector("td.field-kind select");
  if (!(kind instanceof HTMLSelectElement)) return;
  const shown = FIELDS_OF_KIND[kind.value] ?? VALUE_FIELDS;
  for (const name of VALUE_FIELDS) {
    const td = cell(row, name);
    if (!(td instanceof HTMLTableCellElement)) continue;
    td.classList.toggle("not-needed", !shown.includes(name));
    td.colSpan = name === shown.at(-1) ? VALUE_FIELDS.length - shown.length + 1 : 1;
  }
}

/** Offer what the chosen parameter can take: a component only where it has one, no ranges of words.
 * @param {HTMLSelectElement} select of the parameter */
function showAccepted(select) {
  const option = select.selectedOptions[0];
  const row = rowOf(select);
  const component = fieldOf(row, "component");
  if (component instanceof HTMLInputElement) {
    const isIdle = option?.dataset.perComponent === "no" && component.value === "";
    component.readOnly = isIdle;
    component.placeholder = isIdle ? "one for all" : "every";
    component.classList.toggle("is-idle", isIdle);
    if (component.dataset.list === undefined) component.dataset.list = component.getAttribute("list") ?? "";
    if (isIdle) component.removeAttribute("list");
    else component.setAttribute("list", component.dataset.list);
  }
  const kind = fieldOf(row, "kind");
  if (!(kind instanceof HTMLSelectElement)) return;
  for (const one of kind.options) {
    const isUseless = option?.dataset.texts === "yes" && RANGES.includes(one.value);
    one.hidden = one.disabled = isUseless && !one.selected;
  }
}

/** Show unit and meaning of the chosen option below its select.
 * @param {HTMLSelectElement} select */
function showHint(select) {
  const { hint = "", unit = "" } = select.selectedOptions[0]?.dataset ?? {};
  const group = select.closest(".form-group") ?? select.form;
  const line = group?.querySelector(".row-hint") ?? hintLine(select);
  const badge = document.createElement("b");
  badge.className = "row-unit";
  badge.textContent = unit;
  line.replaceChildren(...(unit ? [badge, " "] : []), hint);
  line.classList.toggle("not-needed", !hint);
}

/** Make the place for a hint: a table row of its own, or a line below the select.
 * @param {HTMLSelectElement} select @returns {HTMLElement} */
function hintLine(select) {
  const row = select.closest("tr.form-row");
  const line = document.createElement(row ? "td" : "div");
  line.className = "row-hint";
  if (line instanceof HTMLTableCellElement) {
    const whole = document.createElement("tr");
    line.colSpan = 100; // more than there are: all of them
    whole.append(line);
    row?.after(whole);
  } else {
    (select.parentElement ?? select).after(line);
  }
  return line;
}

/** One heading "Value" stands for the columns whose meaning depends on the kind.
 * @param {Element} table */
function mergeHeadings(table) {
  const headings = VALUE_FIELDS.map((name) => table.querySelector(`th.column-${name}`));
  const [first, ...others] = headings;
  if (!(first instanceof HTMLTableCellElement)) return;
  first.colSpan = VALUE_FIELDS.length;
  const label = first.querySelector("span span");
  if (label) label.textContent = "Value";
  for (const heading of others) heading?.classList.add("not-needed");
}

/** Show the settings of the chosen scorer only.
 * @param {Element} row */
function showOptions(row) {
  const select = row.querySelector("select[name$='-scorer']");
  if (!(select instanceof HTMLSelectElement)) return;
  for (const label of row.querySelectorAll("label[for*='-option_']")) {
    const [scorer] = (label.getAttribute("for") ?? "").split("-option_")[1].split("_");
    label.closest(".field-row")?.classList.toggle("not-needed", scorer !== select.value);
  }
}

/** @param {HTMLSelectElement} select */
function showChoice(select) {
  showHint(select);
  if (select.name.endsWith("parameter")) showAccepted(select);
}

/** @param {ParentNode} root */
function refresh(root) {
  for (const row of root.querySelectorAll("tr.form-row")) showKind(row);
  for (const group of root.querySelectorAll(".form-group")) showOptions(group);
  for (const select of root.querySelectorAll("select.row-hint-source")) showChoice(select);
}

for (const table of document.querySelectorAll("table.formset")) {
  if (table.querySelector("td.field-kind")) {
    table.classList.add("spec-rows");
    table.classList.toggle("has-pattern", table.querySelector("td.field-pattern") !== null);
    mergeHeadings(table);
  }
}
refresh(document);
document.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLInputElement && target.name.endsWith("component")) {
    const parameter = fieldOf(rowOf(target), "parameter");
    if (parameter instanceof HTMLSelectElement) prefill(parameter);
  }
  if (!(target instanceof HTMLSelectElement)) return;
  const group = target.closest(".form-group");
  if (group && target.name.endsWith("-kind")) showKind(group);
  if (group && target.name.endsWith("-scorer")) showOptions(group);
  if (!target.classList.contains("row-hint-source")) return;
  if (target.name.endsWith("parameter")) prefill(target);
  showChoice(target);
});
document.addEventListener("formset:added", ({ target }) => {
  if (target instanceof Element) refresh(target.closest(".formset") ?? document);
});
