// "Try first": what the study is to try before the search chooses, typed or from a trial.

import { typed } from "./editor.js";
import { el, setText, toggle } from "./dom.js";

/**
 * @param {HTMLElement} root
 * @param {{studies: {id: string, name: string}[], first: {study: string, number: number, name: string}[]}} data
 * @param {() => void} changed
 */
export function mountFirst(root, data, changed) {
  const list = el("ol", { class: "first-list" });
  const study = el("select", { "aria-label": "Study" },
    ...data.studies.map(({ id, name }) => el("option", { value: id }, name)));
  const number = el("input", {
    class: "num", inputmode: "numeric", size: 5, maxlength: 7, "aria-label": "Number of the trial", placeholder: "trial",
  });
  const fromTrial = el("button", { type: "button", class: "button small", onclick: addChosen }, "Add this trial");
  const byHand = el("button", { type: "button", class: "button small", onclick: () => add(typedEntry(remove, changed)) },
    "Add values by hand");
  root.append(list, el("div", { class: "first-tools" }, byHand,
    data.studies.length > 0 && el("span", { class: "inline-form" }, study, number, fromTrial)));
  let entries = [];
  let sent = [];
  let schemas = [];
  let rows = [];
  for (const one of data.first) add(trialEntry(one, remove));
  number.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // it would send the whole form
    addChosen();
  });

  function addChosen() {
    const text = number.value.trim();
    const isNumber = /^\d+$/.test(text);
    if (isNumber) number.removeAttribute("aria-invalid");
    else number.setAttribute("aria-invalid", "true");
    if (!isNumber) return;
    add(trialEntry({ study: study.value, number: Number(text), name: study.selectedOptions[0].text }, remove));
    number.value = "";
  }

  function add(entry) {
    entries.push(entry);
    list.append(entry.root);
    entry.draw(rows, schemas);
    entry.root.querySelector("input, select, button")?.focus();
    changed();
  }

  function remove(entry) {
    entries = entries.filter((other) => other !== entry);
    entry.root.remove();
    byHand.focus();
    changed();
  }

  return {
    useMethod(parameters) {
      schemas = parameters;
    },
    /** What is to be tried, as the API takes it; an entry without a value yet is left out. */
    value() {
      sent = entries.filter((entry) => entry.value() !== null);
      return sent.map((entry) => entry.value());
    },
    draw(resolved) {
      rows = resolved.filter((row) => row.sampled);
      for (const entry of entries) entry.draw(rows, schemas);
    },
    showProblems(take) {
      for (const entry of entries) entry.showProblems([]);
      sent.forEach((entry, index) => entry.showProblems(take(`enqueue[${index}]`)));
    },
  };
}

function makeEntry(content, remove) {
  const problem = el("small", { class: "problem", role: "alert", hidden: true });
  const button = el("button", { type: "button", class: "button small", onclick: () => remove(entry) }, "Remove");
  const entry = {
    root: el("li", {}, el("div", { class: "first-head" }, content, button), problem),
    value: () => null,
    draw: (_rows, _schemas) => {},
    showProblems(problems) {
      setText(problem, problems.map((p) => `${p.place.replace(/^\.(parameters\.)?/, "")} ${p.message}`.trim()).join("; "));
      toggle(problem, problems.length > 0);
    },
  };
  return entry;
}

function trialEntry({ study, number, name }, remove) {
  const link = el("a", { href: `/studies/${study}/trials/${number}/` }, `Trial ${number} of ${name}`);
  return Object.assign(makeEntry(link, remove), { value: () => ({ study, number }) });
}

/** One field per parameter that is searched; what stays empty is up to the search. */
function typedEntry(remove, changed) {
  const entry = makeEntry(el("strong", {}, "Values by hand"), remove);
  const box = el("div", { class: "fields first-fields" });
  entry.root.insertBefore(box, entry.root.lastChild);
  /** @type {Map<string, {row: any, input: any, node: HTMLElement}>} */
  const inputs = new Map();
  const showWords = entry.showProblems;

  return Object.assign(entry, {
    value() {
      const parameters = {};
      for (const { row, input } of inputs.values()) {
        if (!input.value.trim()) continue;
        const value = input.tagName === "SELECT" ? input.value : typed(input.value);
        if (row.component) parameters[row.name] = { ...parameters[row.name], [row.component]: value };
        else parameters[row.name] = value;
      }
      return Object.keys(parameters).length ? { parameters } : null;
    },
    draw(rows, schemas) {
      const keys = rows.map((row) => `${row.name}|${row.component}`);
      for (const [old, { node }] of inputs) {
        if (keys.includes(old)) continue;
        node.remove();
        inputs.delete(old);
      }
      rows.forEach((row, index) => {
        const made = inputs.get(keys[index]) ?? makeInput(row, schemas, changed);
        made.row = row;
        if (made.input.tagName === "INPUT") made.input.placeholder = row.display;
        inputs.set(keys[index], made);
        if (box.children[index] !== made.node) box.insertBefore(made.node, box.children[index] ?? null);
      });
    },
    showProblems(problems) {
      showWords(problems);
      for (const { row, input } of inputs.values()) {
        const place = `.parameters.${row.name}${row.component ? `["${row.component}"]` : ""}`;
        if (problems.some((p) => p.place === place)) input.setAttribute("aria-invalid", "true");
        else input.removeAttribute("aria-invalid");
      }
    },
  });
}

function makeInput(row, schemas, changed) {
  const choices = schemas.find((p) => p.name === row.name)?.choices ?? [];
  const input = choices.length
    ? el("select", {}, el("option", { value: "" }, "up to the search"),
      ...choices.map((choice) => el("option", { value: choice }, choice)))
    : el("input", { class: "num", inputmode: "decimal", autocomplete: "off" });
  input.addEventListener("input", changed);
  const name = row.name.replaceAll("_", " ");
  const node = el("label", { class: "field" }, el("span", {}, row.component ? `${name} · ${row.component}` : name), input);
  return { row, input, node };
}
