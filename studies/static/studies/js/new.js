// Puts a study together: every value resolved by the server, each changeable for this study.

import { ApiProblem } from "./api.js";
import { byId, readJson, setText, throttled, toggle } from "./dom.js";
import { UNREADABLE } from "./fields.js";
import { forkBase, presetBase } from "./new-base.js";
import { mountFirst } from "./new-first.js";
import { distribute } from "./new-problems.js";
import { mountSettings } from "./new-settings.js";
import { mountSpace } from "./new-space.js";
import { drawTakeover } from "./new-takeover.js";

const RESOLVE_EVERY = 400; // milliseconds

const data = readJson("page-data");
if (data.fork || data.profiles.length) start();

function start() {
  const form = /** @type {HTMLFormElement} */ (byId("new-form"));
  let request = null;
  let key = newKey();
  let refused = { key, problems: [] }; // what the server said of the request with that key
  const resolveSoon = throttled(resolve, RESOLVE_EVERY);
  const changed = () => {
    key = newKey(); // another request than the one that was sent
    resolveSoon();
  };
  const space = mountSpace(byId("parameters"), changed);
  const settings = mountSettings(data.prompt_sets, changed);
  const first = mountFirst(byId("first"), data, changed);
  const base = data.fork ? forkBase(data.fork) : presetBase(data.profiles);
  base.onChange(() => {
    chooseMethod();
    changed();
  });
  byId("name").addEventListener("input", () => (key = newKey()));
  form.addEventListener("submit", submit);
  chooseMethod();
  resolve();

  function chooseMethod() {
    if (form.dataset.method === base.method()) return;
    form.dataset.method = base.method();
    const { parameters, settings: all } = data.methods[base.method()];
    space.useMethod(parameters);
    first.useMethod(parameters);
    settings.useMethod(all);
  }

  /** What was changed for this study, as the API takes it. */
  function own() {
    const enqueue = first.value();
    return {
      parameters: space.value(), settings: settings.value(), ...(enqueue.length ? { enqueue } : {}),
    };
  }

  function unreadable() {
    return Object.entries(settings.value())
      .filter(([, value]) => value === UNREADABLE)
      .map(([name]) => ({ place: `settings.${name}`, message: "is not valid JSON" }));
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
    try {
      const resolved = await base.resolve(own(), mine.signal);
      showProblems(refused.key === key ? refused.problems : []);
      setText(byId("resolving"), "");
      space.draw(resolved.parameters);
      first.draw(resolved.parameters);
      settings.draw(resolved.settings);
      if (resolved.fork) drawTakeover(byId("takeover"), resolved.fork);
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof ApiProblem)) throw error;
      showProblems(error.errors);
      setText(byId("resolving"), error.errors.length ? "" : error.message);
    }
  }

  /** Each problem at its field; what belongs to none goes beside the button. */
  function showProblems(problems) {
    const { take, rest } = distribute(problems);
    space.showProblems(take);
    settings.showProblems(take);
    first.showProblems(take);
    for (const node of document.querySelectorAll("[data-problem]")) {
      const found = take(node.dataset.problem);
      setText(node, found.map((p) => p.message).join("; "));
      toggle(node, found.length > 0);
    }
    setText(byId("start-problem"), rest().join("; "));
    toggle(byId("start-problem"), rest().length > 0);
  }

  async function submit(event) {
    event.preventDefault();
    if (form.getAttribute("aria-busy") || unreadable().length) return;
    form.setAttribute("aria-busy", "true");
    const isDraft = event.submitter?.getAttribute("name") === "draft";
    const name = /** @type {HTMLInputElement} */ (byId("name")).value.trim();
    const sent = key;
    try {
      const headers = { "Idempotency-Key": `${key}-${isDraft ? "draft" : "start"}` };
      const study = await base.create({ name, ...own(), start: !isDraft }, headers);
      location.assign(`/studies/${study.id}/`);
    } catch (error) {
      form.removeAttribute("aria-busy");
      const problems = error.errors?.length ? error.errors : [{ place: "", message: error.message }];
      refused = { key: sent, problems };
      showProblems(problems);
      document.querySelector('[aria-invalid="true"], .problem:not([hidden])')
        ?.scrollIntoView({ block: "center" });
    }
  }
}

function newKey() {
  // randomUUID needs a secure context, which http://192.168.… is not.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
