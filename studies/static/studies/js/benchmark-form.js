// What to put a trial to: tasks from a list or by name, and how many examples of each.

import { el } from "./dom.js";

/**
 * @param {{tasks: {name: string, about: string, own: boolean}[], chosen: string[], limit: number, apply_chat_template: boolean}} choices
 * @param {(body: any) => void} submit
 */
export function benchmarkForm(choices, submit) {
  const boxes = choices.tasks.map((task) => taskBox(task, choices.chosen.includes(task.name)));
  const others = input({ name: "others", placeholder: "such as mmlu, gsm8k", maxlength: 2000 });
  const limit = input({ type: "number", name: "limit", min: 1, max: 100000, value: choices.limit });
  const shots = input({ type: "number", name: "num_fewshot", min: 0, max: 64 });
  const template = input({
    type: "checkbox", name: "apply_chat_template", checked: choices.apply_chat_template,
  });
  const form = el("form", { class: "benchmark-form" },
    el("fieldset", { class: "task-boxes" }, el("legend", {}, "Tasks"), ...boxes.map((box) => box.label)),
    el("div", { class: "fields" },
      field("Further tasks", others, "Names of tasks or groups, with commas between."),
      field("Examples of each task", limit, "Empty: all."),
      field("Solved examples shown", shots, "Empty: as each task says.")),
    el("label", {}, template, " Ask in the model's chat format"),
    el("p", { class: "muted" }, "Tasks that are not from this server fetch their data from the hub."),
    el("button", { type: "submit", class: "button primary" }, "Run benchmark"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const ticked = boxes.filter((box) => box.input.checked).map((box) => box.name);
    submit({
      tasks: [...new Set([...ticked, ...names(others.value)])],
      limit: whole(limit.value),
      num_fewshot: whole(shots.value),
      apply_chat_template: template.checked,
    });
  });
  return form;
}

function taskBox({ name, about, own }, checked) {
  const box = input({ type: "checkbox", name: "task", value: name, checked });
  const label = el("label", {}, box, ` ${name}`,
    about && el("span", { class: "muted" }, ` – ${about}`),
    own && !about && el("span", { class: "muted" }, " – from this server"));
  return { name, input: box, label };
}

function names(text) {
  return text.split(",").map((name) => name.trim()).filter(Boolean);
}

function whole(text) {
  return text.trim() === "" ? null : Number(text);
}

/** @returns {HTMLInputElement} */
function input(attributes) {
  return /** @type {HTMLInputElement} */ (el("input", attributes));
}

function field(label, control, hint) {
  return el("label", { class: "field" }, el("span", {}, label), control,
    el("small", { class: "muted" }, hint));
}
