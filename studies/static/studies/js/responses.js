// A trial's answers beside the original model's, prompt by prompt.

import { call } from "./api.js";
import { el } from "./dom.js";
import { highlighted } from "./highlight.js";

/** @typedef {import("./types.js").Response} Response */

const PAGE = 10; // prompts
const SHOW = {
  all: ["all answers", () => true],
  changed: ["only changed", (pair) => pair.before !== null && pair.before.response !== pair.after.response],
  marked: ["only with a marker left", (pair) => pair.after.matched.length > 0],
  freed: ["only markers that went away", (pair) => Boolean(pair.before?.matched.length) && !pair.after.matched.length],
};

/**
 * @param {HTMLElement} root
 * @param {string} studyId
 * @returns {(number: number|null) => void} shows a trial's responses, or none
 */
export function mountResponses(root, studyId) {
  /** @type {Promise<Response[]>|null} */
  let originals = null;
  /** @type {number|null|undefined} */
  let wanted;

  async function show(number) {
    if (number === wanted) return;
    wanted = number;
    if (number === null) {
      root.replaceChildren(el("p", { class: "empty" }, "Select a trial to read its answers."));
      return;
    }
    root.setAttribute("aria-busy", "true");
    try {
      originals ??= call("GET", `studies/${studyId}/baseline/responses`);
      const path = `studies/${studyId}/trials/${number}/responses`;
      const [before, after] = await Promise.all([originals, call("GET", path)]);
      if (wanted === number) drawPairs(root, pairUp(before, after), number);
    } catch (error) {
      if (wanted !== number) return;
      [originals, wanted] = [null, undefined];
      drawProblem(root, error, () => show(number));
    } finally {
      root.removeAttribute("aria-busy");
    }
  }
  return show;
}

/** Both lists are in the order of the prompts of each scorer. */
function pairUp(before, after) {
  const originals = new Map();
  for (const row of before) {
    originals.set(row.scorer, [...(originals.get(row.scorer) ?? []), row]);
  }
  const seen = new Map();
  return after.map((row) => {
    const index = seen.get(row.scorer) ?? 0;
    seen.set(row.scorer, index + 1);
    return { scorer: row.scorer, after: row, before: originals.get(row.scorer)?.[index] ?? null };
  });
}

function drawProblem(root, error, again) {
  root.replaceChildren(
    el("div", { class: "callout error", role: "alert" },
      el("p", {}, `The answers could not be loaded. ${error.message}`),
      el("button", { type: "button", class: "button small", onclick: again }, "Try again")),
  );
}

function drawPairs(root, pairs, number) {
  if (!pairs.length) {
    root.replaceChildren(el("p", { class: "empty" }, "This trial has no stored answers."));
    return;
  }
  const scorers = [...new Set(pairs.map((pair) => pair.scorer))];
  const pickScorer = el("select", {}, ...scorers.map((s) => el("option", { value: s }, s)));
  const pickShow = el("select", {},
    ...Object.entries(SHOW).map(([key, [label]]) => el("option", { value: key }, label)));
  const summary = el("p", { class: "muted num", "aria-live": "polite" });
  const list = el("ol", { class: "pairs" });
  const more = el("button", { type: "button", class: "button small" }, "Show more");
  let shown = PAGE;

  function draw() {
    const ofScorer = pairs.filter((pair) => pair.scorer === pickScorer.value);
    const visible = ofScorer.filter(SHOW[pickShow.value][1]);
    summary.textContent = summaryText(ofScorer, visible.length, number);
    list.replaceChildren(...visible.slice(0, shown).map((pair) => pairItem(pair, number)));
    more.hidden = visible.length <= shown;
  }
  for (const input of [pickScorer, pickShow]) {
    input.addEventListener("change", () => {
      shown = PAGE;
      draw();
    });
  }
  more.addEventListener("click", () => {
    shown += PAGE;
    draw();
  });
  root.replaceChildren(
    el("div", { class: "table-tools" },
      el("label", { hidden: scorers.length < 2 }, "Scorer ", pickScorer),
      el("label", {}, "Show ", pickShow)),
    summary, list, more,
  );
  draw();
}

function summaryText(pairs, visible, number) {
  const marked = (key) => pairs.filter((pair) => pair[key]?.matched.length).length;
  const same = pairs.filter((pair) => pair.before?.response === pair.after.response).length;
  const parts = [`${visible} of ${pairs.length} answers`, `${same} unchanged`];
  if (marked("before") || marked("after")) {
    parts.push(`with a marker: original ${marked("before")}, trial ${number} ${marked("after")}`);
  }
  return parts.join(" · ");
}

function pairItem(pair, number) {
  return el(
    "li", { class: "pair" },
    el("p", { class: "prompt" }, pair.after.prompt),
    el("div", { class: "answers" },
      answer("Original model", pair.before), answer(`Trial ${number}`, pair.after)),
  );
}

function answer(title, response) {
  if (!response) {
    return el("div", { class: "answer" }, el("h4", {}, title), el("p", { class: "muted" }, "not stored"));
  }
  const { response: text, matched, cut } = response;
  const body = text
    ? el("p", { class: "answer-text" }, ...highlighted(text, matched))
    : el("p", { class: "muted" }, "(empty answer)");
  return el(
    "div", { class: "answer" },
    el("h4", {}, title, matched.length > 0 && el("span", { class: "pill marked" }, "marker matched")),
    body,
    cut && el("p", { class: "muted" }, "cut after the verdict"),
  );
}
