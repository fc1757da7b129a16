// A trial's answers beside the original model's: filtered on the server, labelled by people.

import { mountAgreement } from "./agreement.js";
import { pairItem } from "./answer-pair.js";
import { call } from "./api.js";
import { el, setText, toggle } from "./dom.js";

const PAGE = 10; // prompts
const FILTERS = {
  all: "All", changed: "Changed answer", changed_verdict: "Changed verdict", matched: "Marker matched",
  empty: "Empty", disagree: "Scorers disagree", labelled: "Labelled by you", unlabelled: "Not labelled",
};

/**
 * @param {HTMLElement} root
 * @param {string} studyId
 * @param {{keyboard?: boolean}} [options] `keyboard`: j, k, 1 and 2 work on the whole page
 * @returns {(number: number|null) => void} shows a trial's answers, or none
 */
export function mountAnswers(root, studyId, { keyboard = false } = {}) {
  const empty = el("p", { class: "empty" }, "Select a trial to read its answers.");
  const buttons = Object.entries(FILTERS).map(([key, label]) => filterButton(key, label));
  const pickScorer = el("select", { onchange: () => load() });
  const scorerLabel = el("label", {}, "Judged by ", pickScorer);
  const differences = el("input", {
    type: "checkbox", checked: true,
    onchange: () => list.classList.toggle("plain-text", !differences.checked),
  });
  const agreementBox = el("div");
  const drawAgreement = mountAgreement(agreementBox);
  const list = el("ol", { class: "pairs" });
  const none = el("p", { class: "empty", hidden: true });
  const problem = el("div", { class: "callout error", role: "alert", hidden: true });
  const more = el("button", { type: "button", class: "button small", onclick: () => load({ append: true }) }, "Show more");
  const mayLabel = !("readOnly" in root.dataset);
  const hint = el("p", { class: "muted keys" },
    el("kbd", {}, "j"), " ", el("kbd", {}, "k"), " next, previous",
    ...(mayLabel ? [" · ", el("kbd", {}, "1"), " ", el("kbd", {}, "2"), " thumb up, down"] : []));
  const tools = el("div", { hidden: true },
    el("div", { class: "chips", role: "group", "aria-label": "Filter answers" }, ...buttons),
    el("div", { class: "table-tools" },
      scorerLabel, el("label", { class: "check" }, differences, " mark differences"), keyboard && hint),
    agreementBox);
  root.replaceChildren(empty, tools, problem, none, list, more);
  toggle(more, false);

  /** @type {number|null|undefined} */
  let number;
  let show = "all";
  let asked = 0;
  /** @type {Map<number, any>} by position */
  let items = new Map();

  function filterButton(key, label) {
    const count = el("span", { class: "num" });
    const button = el("button", {
      type: "button", class: "chip", dataset: { key }, "aria-pressed": String(key === "all"),
      onclick: () => {
        show = key;
        load();
      },
    }, `${label} `, count);
    return button;
  }

  function drawCounts(counts) {
    for (const button of buttons) {
      setText(button.lastElementChild, String(counts[button.dataset.key] ?? 0));
      button.setAttribute("aria-pressed", String(button.dataset.key === show));
    }
  }

  /** Only the answer to the newest question is drawn. */
  async function load({ append = false } = {}) {
    const [mine, trial] = [++asked, number];
    const offset = append ? list.childElementCount : 0;
    const query = new URLSearchParams({
      show, limit: String(PAGE), offset: String(offset), scorer: pickScorer.value,
    });
    root.setAttribute("aria-busy", "true");
    try {
      const page = await call("GET", `studies/${studyId}/trials/${trial}/answers?${query}`);
      if (mine === asked) drawPage(page, append);
    } catch (error) {
      if (mine === asked) drawProblem(error, append);
    } finally {
      if (mine === asked) root.removeAttribute("aria-busy");
    }
  }

  function drawProblem(error, append) {
    problem.replaceChildren(
      el("p", {}, `The answers could not be loaded. ${error.message}`),
      el("button", { type: "button", class: "button small", onclick: () => load({ append }) }, "Try again"));
    toggle(problem, true);
  }

  function drawPage(page, append) {
    toggle(problem, false);
    toggle(tools, page.counts.all > 0 || Boolean(pickScorer.value));
    fillScorers(page.agreement.map((row) => row.scorer));
    drawCounts(page.counts);
    drawAgreement(page.agreement);
    if (!append) {
      items = new Map();
      list.replaceChildren();
    }
    for (const item of page.items) items.set(item.position, item);
    list.append(...page.items.map((item) => pairItem(item, number, mayLabel ? label : null)));
    toggle(more, list.childElementCount < page.count);
    toggle(none, page.count === 0);
    setText(none, page.counts.all ? "No answer fits this filter." : "This trial has no stored answers.");
  }

  function fillScorers(names) {
    toggle(scorerLabel, names.length > 1);
    if (pickScorer.dataset.names === names.join("\n")) return;
    const old = pickScorer.value;
    pickScorer.dataset.names = names.join("\n");
    pickScorer.replaceChildren(el("option", { value: "" }, "any scorer"),
      ...names.map((name) => el("option", { value: name }, name)));
    pickScorer.value = names.includes(old) ? old : "";
  }

  /** Set a thumb; the one that stands there already is taken back. */
  async function label(item, wanted) {
    const trial = number;
    const value = item.label === wanted ? null : wanted;
    const path = `studies/${studyId}/trials/${trial}/answers/${item.position}/label`;
    try {
      const { label: kept, up, down, counts, agreement } = await call("PUT", path, { body: { label: value } });
      if (trial !== number) return;
      Object.assign(item, { label: kept, up, down });
      redraw(item);
      if (!pickScorer.value) drawCounts(counts);
      drawAgreement(agreement);
    } catch (error) {
      setText(problem, `The label could not be kept. ${error.message}`);
      toggle(problem, true);
    }
  }

  function redraw(item) {
    const old = list.querySelector(`[data-position="${item.position}"]`);
    if (!old) return;
    const held = old.contains(document.activeElement) ? document.activeElement : null;
    const fresh = pairItem(item, number, label);
    old.replaceWith(fresh);
    if (held === old) fresh.focus();
    else if (held) fresh.querySelector(`[data-act="${held.dataset.act}"]`)?.focus();
  }

  function onKey(event) {
    const typing = event.target instanceof Element && event.target.closest("input, select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const current = document.activeElement?.closest("#responses .pair");
    if (event.key === "j" || event.key === "k") step(current, event.key === "j");
    else if ((event.key === "1" || event.key === "2") && current && mayLabel) {
      label(items.get(Number(current.dataset.position)), event.key === "1");
    } else return;
    event.preventDefault();
  }

  function step(current, forward) {
    const goal = current
      ? (forward ? current.nextElementSibling : current.previousElementSibling)
      : list.firstElementChild;
    if (goal) {
      goal.focus({ preventScroll: true });
      goal.scrollIntoView({ block: "nearest" });
    } else if (forward && !more.hidden) load({ append: true });
  }

  if (keyboard) document.addEventListener("keydown", onKey);

  return (wanted) => {
    if (wanted === number) return;
    number = wanted;
    asked += 1; // what is still on its way belongs to another trial
    toggle(empty, wanted === null);
    for (const node of [tools, problem, none, more]) toggle(node, false);
    list.replaceChildren();
    if (wanted !== null) load();
  };
}
