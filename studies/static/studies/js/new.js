// Puts a study together: every value resolved by the server, each changeable for this study.

import { ApiProblem, call } from "./api.js";
import { byId, el, readJson, setText, throttled, toggle } from "./dom.js";
import { makeEditor } from "./editor.js";
import { UNREADABLE, makeField } from "./fields.js";
import { value } from "./format.js";
import { layersText, sourceParts } from "./space.js";

const MAIN = [
  "n_trials", "n_startup_trials", "seed", "max_response_length", "batch_size", "good_prompts",
  "bad_prompts", "row_normalization",
];
const RESOLVE_EVERY = 400; // milliseconds

const data = readJson("page-data");
if (data.profiles.length) start();

function start() {
  const form = /** @type {HTMLFormElement} */ (byId("new-form"));
  const profile = /** @type {HTMLSelectElement} */ (byId("profile"));
  const model = /** @type {HTMLInputElement} */ (byId("model"));
  const name = /** @type {HTMLInputElement} */ (byId("name"));
  /** @type {Map<string, any>} one row per parameter and component */
  const rows = new Map();
  /** @type {ReturnType<typeof makeField>[]} */
  let fields = [];
  let suggested = "";
  let request = null;
  let key = newKey();

  const resolveSoon = throttled(resolve, RESOLVE_EVERY);
  const changed = () => {
    key = newKey(); // another request than the one that was sent
    resolveSoon();
  };
  profile.addEventListener("change", () => {
    chooseProfile();
    changed();
  });
  model.addEventListener("input", changed);
  name.addEventListener("input", () => (key = newKey()));
  form.addEventListener("submit", submit);
  chooseProfile();
  resolve();

  function chosen() {
    return data.profiles.find((p) => p.slug === profile.value);
  }

  function chooseProfile() {
    const { description, model: usual, method } = chosen();
    setText(byId("profile-description"), description);
    if (!model.value || model.value === suggested) model.value = usual;
    suggested = usual;
    if (form.dataset.method === method) return;
    form.dataset.method = method;
    rows.clear();
    byId("parameters").replaceChildren();
    fields = data.methods[method].settings.map((s) => makeField(s, data.prompt_sets, changed));
    const main = MAIN.map((n) => fields.find((f) => f.name === n)).filter(Boolean);
    byId("main-settings").replaceChildren(...main.map((f) => f.root));
    byId("other-settings").replaceChildren(
      ...fields.filter((f) => !MAIN.includes(f.name)).map((f) => f.root));
  }

  /** What was changed for this study, as the API takes it. */
  function own() {
    const parameters = {};
    for (const { row, editor } of rows.values()) {
      const raw = editor.value();
      if (raw === undefined) continue;
      if (row.component) parameters[row.name] = { ...parameters[row.name], [row.component]: raw };
      else parameters[row.name] = raw;
    }
    const given = fields.map((f) => [f.name, f.value()]).filter(([, v]) => v !== undefined);
    return { parameters, settings: Object.fromEntries(given) };
  }

  function unreadable() {
    return fields
      .filter((f) => f.value() === UNREADABLE)
      .map((f) => ({ place: `settings.${f.name}`, message: "is not valid JSON" }));
  }

  async function resolve() {
    request?.abort();
    const mine = new AbortController();
    request = mine;
    const faults = unreadable();
    if (faults.length) {
      showProblems(faults);
      return;
    }
    const body = { model: model.value.trim(), ...own() };
    try {
      const path = `profiles/${encodeURIComponent(profile.value)}/resolve`;
      const resolved = await call("POST", path, { body, signal: mine.signal });
      showProblems([]);
      setText(byId("resolving"), "");
      drawParameters(resolved.parameters);
      const settings = new Map(resolved.settings.map((s) => [s.name, s]));
      for (const field of fields) field.showResolved(settings.get(field.name));
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof ApiProblem)) throw error;
      showProblems(error.errors);
      setText(byId("resolving"), error.errors.length ? "" : error.message);
    }
  }

  function drawParameters(resolved) {
    const body = byId("parameters");
    const keys = resolved.map((row) => `${row.name}|${row.component}`);
    for (const [old, entry] of rows) {
      if (keys.includes(old)) continue;
      entry.node.remove();
      rows.delete(old);
    }
    resolved.forEach((row, index) => {
      const entry = rows.get(keys[index]) ?? makeRow(row, keys[index]);
      entry.row = row;
      entry.cells.value.replaceChildren(value(row.value), row.sampled ? "" : fixed());
      setText(entry.cells.layers, layersText(row.layers));
      entry.cells.source.replaceChildren(...sourceParts(row));
      if (body.children[index] !== entry.node) body.insertBefore(entry.node, body.children[index] ?? null);
    });
  }

  function fixed() {
    return el("span", { class: "pill" }, "fixed");
  }

  function makeRow(row, rowKey) {
    const schema = data.methods[form.dataset.method].parameters.find((p) => p.name === row.name);
    const editor = makeEditor(schema ?? { choices: [], description: "" }, row, changed);
    const cell = (label) => el("td", { class: "num", "data-label": label });
    const cells = { value: cell("Value"), layers: cell("In this model"), source: cell("Decided by") };
    const node = el("tr", {},
      el("td", { class: "parameter" }, el("strong", {}, row.name),
        el("small", { class: "muted" }, schema?.description ?? "")),
      el("td", { "data-label": "Component" }, row.component || "all"), cells.value, cells.layers, cells.source,
      el("td", {}, editor.root));
    const entry = { row, node, cells, editor };
    rows.set(rowKey, entry);
    return entry;
  }

  /** Each problem at its field; what belongs to none goes beside the button. */
  function showProblems(problems) {
    const left = new Set(problems);
    const take = (...prefixes) => problems.flatMap((problem) => {
      const prefix = prefixes.find((p) => problem.place === p || isBelow(problem.place, p));
      if (prefix === undefined || !left.delete(problem)) return [];
      return [{ place: problem.place.slice(prefix.length), message: problem.message }];
    });
    for (const { row, editor } of rows.values()) {
      const base = `parameters.${row.name}`;
      editor.showProblems(take(row.component ? `${base}["${row.component}"]` : base));
    }
    for (const field of fields) field.showProblems(take(`settings.${field.name}`, field.name));
    for (const node of document.querySelectorAll("[data-problem]")) {
      const found = take(node.dataset.problem);
      setText(node, found.map((p) => p.message).join("; "));
      toggle(node, found.length > 0);
    }
    if (fields.some((f) => !MAIN.includes(f.name) && f.root.querySelector("[aria-invalid]"))) {
      byId("more").open = true;
    }
    const rest = [...left].map((p) => (p.place ? `${p.place}: ${p.message}` : p.message));
    setText(byId("start-problem"), rest.join("; "));
    toggle(byId("start-problem"), rest.length > 0);
  }

  async function submit(event) {
    event.preventDefault();
    if (form.getAttribute("aria-busy") || unreadable().length) return;
    form.setAttribute("aria-busy", "true");
    const body = {
      model: model.value.trim(), profile: profile.value, name: name.value.trim(), ...own(),
      start: event.submitter?.getAttribute("name") !== "draft",
    };
    try {
      const headers = { "Idempotency-Key": `${key}-${body.start ? "start" : "draft"}` };
      const study = await call("POST", "studies", { body, headers });
      location.assign(`/studies/${study.id}/`);
    } catch (error) {
      form.removeAttribute("aria-busy");
      showProblems(error.errors?.length ? error.errors : [{ place: "", message: error.message }]);
      document.querySelector('[aria-invalid="true"], .problem:not([hidden])')
        ?.scrollIntoView({ block: "center" });
    }
  }
}

function isBelow(place, prefix) {
  return place.startsWith(prefix) && /^[.[]/.test(place.slice(prefix.length));
}

function newKey() {
  // randomUUID needs a secure context, which http://192.168.… is not.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
