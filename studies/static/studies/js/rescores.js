// Trials scored again on prompts that took no part in the search, beside the search's own values.

import { call } from "./api.js";
import { completeTrials } from "./derived.js";
import { byId, el, readJson, toggle } from "./dom.js";
import { jobList } from "./job-list.js";
import { scoringRow } from "./scoring-row.js";

/**
 * @param {string} study its id
 * @param {any} store
 * @returns {(state: any) => void} shows the form once there are trials
 */
export function mountRescores(study, store) {
  const { choices, rescores } = readJson("study-rescores");
  const root = byId("rescores");
  const mayRun = root.dataset.readOnly === undefined;
  const path = `studies/${study}/rescores`;
  const form = rescoreForm(choices, (body) => act(() => call("POST", path, { body })));
  const none = el("p", { class: "empty" }, "Possible as soon as a trial has finished.");
  const cancel = mayRun ? (one) => act(() => call("POST", `jobs/${one.job.id}/cancel`)) : null;
  const { act, show } = jobList(root, {
    path,
    row: (one) => row(one, cancel, study, store),
    empty: "No trial was scored on other prompts yet.",
  });
  show(rescores, none, ...(mayRun ? [form] : []));
  return (state) => {
    const some = completeTrials(state.trials).length > 0;
    toggle(none, !some);
    toggle(form, some);
  };
}

function row(one, cancel, study, store) {
  const n = one.results.length;
  return scoringRow(one, {
    title: n === 1 ? "1 trial" : `${n} trials`,
    cancel,
    first: store.state.baseline,
    titles: ["search", "held out"],
    label: ({ trial }) => el("a", { href: `/studies/${study}/trials/${trial}/` }, `Trial ${trial}`),
    before: ({ search }) => search,
  });
}

function rescoreForm({ sets, prompt_sets: promptSets }, submit) {
  const trials = /** @type {HTMLInputElement} */ (
    el("input", { name: "trials", placeholder: "The front", maxlength: 2000, autocomplete: "off" }));
  const picks = sets.map((set) => [set.slug, setField(set, promptSets)]);
  const form = el("form", { class: "export-form" },
    el("details", { open: sets.some((set) => !set.stand_in) },
      el("summary", {}, "Which trials, on which prompts"),
      el("div", { class: "fields two" },
        field("Trials", trials, "Numbers, with commas between them; empty: those on the front now."),
        ...picks.map(([, node]) => node))),
    el("button", { type: "submit", class: "button primary" }, "Re-evaluate the front on held-out prompts"));
  trials.addEventListener("input", () => {
    const button = /** @type {HTMLElement} */ (form.querySelector("button"));
    const what = trials.value.trim() ? "these trials" : "the front";
    button.textContent = `Re-evaluate ${what} on held-out prompts`;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = picks.map(([slug, node]) => [slug, node.querySelector("select").value]);
    const body = { prompts: Object.fromEntries(chosen.filter(([, value]) => value)) };
    submit(trials.value.trim() ? { ...body, trials: numbers(trials.value) } : body);
  });
  return form;
}

/** What is no whole number stays as it was typed: the server says what is wrong with it. */
function numbers(text) {
  const parts = text.split(/[\s,]+/).filter(Boolean);
  return parts.map((part) => (/^\d{1,10}$/.test(part) ? Number(part) : part));
}

function setField({ name, slug, stand_in: found }, promptSets) {
  const others = promptSets.map((one) => el("option", { value: one.slug }, one.name));
  const select = el("select", { name: `prompts-${slug}` },
    el("option", { value: "" }, found ?? "Choose prompts: nothing stands in for them"), ...others);
  return field(`In place of ${name}`, select, "Prompts that the search has read are left out.");
}

function field(label, input, hint) {
  return el("label", { class: "field" }, el("span", {}, label), input, el("small", { class: "muted" }, hint));
}
