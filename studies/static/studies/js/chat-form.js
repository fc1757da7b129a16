// What is typed: the question, and the settings that it is asked with.

import { byId, el, setText, toggle } from "./dom.js";
import { number } from "./format.js";

/**
 * @param {HTMLElement} root
 * @param {{onSend: (text: string) => Promise<boolean>, onStop: () => void}} actions
 */
export function mountComposer(root, { onSend, onStop }) {
  const box = /** @type {HTMLTextAreaElement} */ (el("textarea", {
    id: "message", rows: 3, maxlength: 20000, placeholder: "Ask both models …",
  }));
  const send = el("button", { type: "submit", class: "button primary" }, "Send");
  const stop = el("button", { type: "button", class: "button", hidden: true, onclick: onStop }, "Stop");
  const problem = el("div", { class: "callout error", role: "alert", hidden: true });
  const form = el("form", { class: "composer card" },
    el("label", { for: "message", class: "hidden-label" }, "Your question"), box,
    el("div", { class: "composer-foot" },
      el("span", { class: "muted" }, "Enter sends, Shift+Enter begins a line, Esc stops"),
      el("span", { class: "push controls" }, stop, send)),
    problem);
  let busy = false;

  async function submit() {
    const text = box.value;
    if (busy || !text.trim()) return;
    if (await onSend(text)) box.value = "";
    box.focus();
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && busy) onStop();
  });
  root.replaceChildren(form);
  box.focus();

  return {
    draw(turn) {
      busy = Boolean(turn);
      toggle(stop, busy);
      toggle(send, !busy);
      stop.toggleAttribute("disabled", turn?.state === "stopping");
    },
    tell(text) {
      setText(problem, text);
      toggle(problem, Boolean(text));
    },
  };
}

/**
 * @param {any} values the settings to begin with
 * @param {{disabled: boolean, onChange: () => void}} options
 * @returns {() => any} reads the settings as the API takes them
 */
export function mountSettings(values, { disabled, onChange }) {
  const form = byId("settings");
  const slider = input("range", "strength", values.strength, { min: 0, max: 1.5, step: 0.05, list: "strengths" });
  const shown = el("strong", { class: "num" }, number(values.strength));
  slider.addEventListener("input", () => {
    setText(shown, number(Number(slider.value)));
    onChange();
  });
  const fields = {
    temperature: input("number", "temperature", values.temperature, { min: 0, max: 2, step: "any" }),
    top_p: input("number", "top_p", values.top_p, { min: 0, max: 1, step: "any" }),
    max_tokens: input("number", "max_tokens", values.max_tokens, { min: 1, max: 4096, step: 1 }),
    seed: input("number", "seed", values.seed ?? "", { min: 0, max: 4294967295, step: 1, placeholder: "new each time" }),
  };
  const system = /** @type {HTMLTextAreaElement} */ (
    el("textarea", { name: "system_prompt", rows: 3 }, values.system_prompt ?? ""));
  form.replaceChildren(
    el("label", { class: "field" },
      el("span", {}, "Strength of the ablation ", shown), slider,
      el("small", { class: "muted" }, "0: the original model. 1: as the trial was scored.")),
    el("datalist", { id: "strengths" }, ...[0, 0.5, 1, 1.5].map((v) => el("option", { value: v }))),
    field("System prompt", system),
    field("Temperature", fields.temperature, "0: always the likeliest token, as in trials."),
    field("Top-p", fields.top_p),
    field("Longest answer", fields.max_tokens, "In tokens."),
    field("Seed", fields.seed));
  form.addEventListener("submit", (event) => event.preventDefault());
  if (disabled) for (const one of form.querySelectorAll("input, textarea")) one.setAttribute("disabled", "");

  const numeric = (one) => (one.value.trim() === "" ? null : Number(one.value));
  return () => ({
    strength: Number(slider.value),
    system_prompt: system.value,
    ...Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, numeric(one)])),
  });
}

/** The value last: a slider rounds it to the step that it has by then. @returns {HTMLInputElement} */
function input(type, name, value, more) {
  return /** @type {HTMLInputElement} */ (el("input", { type, name, ...more, value }));
}

function field(label, control, hint = "") {
  return el("label", { class: "field" }, el("span", {}, label), control,
    hint && el("small", { class: "muted" }, hint));
}
