// Notes and tags of a study or a trial: shown, and edited in place.

import { el, setText, toggle } from "./dom.js";

/** @typedef {{name?: string, notes: string, tags: string[]}} Annotation */

/**
 * @param {HTMLElement} root
 * @param {{kind: "study"|"trial", save: (body: any) => Promise<any>, saved?: (answer: any) => void}} options
 * @returns {(key: any, annotation: Annotation) => void} shows an annotation; what is being
 *   edited stays until another key comes
 */
export function mountAnnotation(root, { kind, save, saved }) {
  const tags = el("div", { class: "tags" });
  const text = el("p", { class: "note-text" });
  const edit = el("button", { type: "button", class: "button small", onclick: open }, "Edit");
  const view = el("div", { class: "annotation" },
    tags, text, !("readOnly" in root.dataset) && el("div", {}, edit));
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const name = el("input", { maxlength: "100", autocomplete: "off" });
  const tagText = el("input", { autocomplete: "off", placeholder: "keep, to export" });
  const notes = el("textarea", { rows: "4", maxlength: "20000" });
  const form = el("form", { hidden: true, onsubmit: submit },
    kind === "study" && field("Name", name),
    field("Tags, with commas between them", tagText),
    field(kind === "study" ? "Notes" : "Note", notes),
    problem,
    el("div", { class: "annotation-row" },
      el("button", { type: "submit", class: "button small primary" }, "Save"),
      el("button", { type: "button", class: "button small", onclick: close }, "Cancel")));
  root.replaceChildren(el("div", { class: "annotation" }, view, form));
  let current = null;
  let shownKey;

  function open() {
    name.value = current.name ?? "";
    tagText.value = current.tags.join(", ");
    notes.value = current.notes;
    toggle(problem, false);
    toggle(view, false);
    toggle(form, true);
    (kind === "study" ? name : tagText).focus();
  }

  function close() {
    toggle(form, false);
    toggle(view, true);
    edit.focus();
  }

  async function submit(event) {
    event.preventDefault();
    const typed = tagText.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    const body = kind === "study"
      ? { name: name.value, notes: notes.value, tags: typed }
      : { note: notes.value, tags: typed };
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await save(body);
      current = { name: answer.name, notes: answer.notes ?? answer.note, tags: answer.tags };
      draw();
      saved?.(answer);
      close();
    } catch (error) {
      setText(problem, error.message);
      toggle(problem, true);
    } finally {
      form.removeAttribute("aria-busy");
    }
  }

  function draw() {
    tags.replaceChildren(...current.tags.map((tag) => el("span", { class: "tag" }, tag)));
    toggle(tags, current.tags.length > 0);
    setText(text, current.notes);
    toggle(text, Boolean(current.notes));
    setText(edit, current.notes || current.tags.length ? "Edit" : "Add a note or tags");
  }

  return (key, annotation) => {
    if (key !== shownKey) {
      shownKey = key;
      toggle(form, false);
      toggle(view, true);
    }
    if (!form.hidden) return;
    current = annotation;
    draw();
  };
}

function field(label, input) {
  return el("label", { class: "field" }, el("span", {}, label), input);
}
