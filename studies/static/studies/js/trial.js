// The selected trial: its scores beside the original's, its parameters, its kernel.

import { mountAnnotation } from "./annotation.js";
import { call } from "./api.js";
import { byId, el, setText, toggle } from "./dom.js";
import { duration, flatParameters, number, value } from "./format.js";
import { mountKernel } from "./kernel.js";
import { originLine, sourcePill } from "./origin.js";
import { prunedText } from "./pruned.js";
import { RECOMMENDED } from "./table.js";

/** @param {HTMLElement} root @param {string} studyUrl */
export function mountTrial(root, studyUrl) {
  const empty = el("p", { class: "empty" },
    "Click a point or a row to see a trial's parameters and answers.");
  const head = el("div", { class: "trial-head" });
  const origin = el("div");
  const scores = el("div", { class: "scroll" });
  const parameters = el("dl", { class: "facts" });
  const kernelTitle = el("h4", {}, "Ablation strength over the layers");
  const kernelBox = el("div");
  const kernelProblem = el("p", { class: "problem", hidden: true });
  const readOnly = byId("controls").hidden ? { readOnly: "" } : {}; // who only looks changes nothing
  const annotationBox = el("div", { dataset: readOnly });
  const filled = el("div", { hidden: true }, head, origin, scores, kernelTitle, kernelBox,
    kernelProblem, el("h4", {}, "Parameters"), parameters,
    el("h4", {}, "Note and tags"), annotationBox);
  root.replaceChildren(empty, filled);
  let drawKernel = null;
  let drawn = null;
  const drawAnnotation = mountAnnotation(annotationBox, {
    kind: "trial",
    save: (body) => call("PATCH", `${studyUrl.slice(1)}trials/${drawn.number}`, { body }),
  });
  /** Kernels by number: the page comes without them. @type {Map<number, any>} */
  const details = new Map();

  return (state, selected) => {
    const trial = selected === null ? null : (state.trials.get(selected) ?? null);
    toggle(empty, !trial);
    toggle(filled, Boolean(trial));
    if (!trial || trial === drawn) return;
    drawn = trial;
    drawAnnotation(trial.number, { notes: trial.note, tags: trial.tags });
    head.replaceChildren(...headParts(trial, studyUrl));
    const pruned = trial.pruned && el("p", { class: "callout" }, prunedText(trial));
    origin.replaceChildren(originLine(trial) ?? "", pruned ?? "");
    scores.replaceChildren(trial.scores.length ? scoreTable(trial, state) : failure(trial));
    parameters.replaceChildren(...parameterList(trial));
    showKernel(trial);
  };

  async function showKernel(trial) {
    toggle(kernelProblem, false);
    if (!trial.kernel && !details.has(trial.number)) {
      try {
        details.set(trial.number, await call("GET", `${studyUrl.slice(1)}trials/${trial.number}`));
      } catch (error) {
        setText(kernelProblem, error.message);
        toggle(kernelProblem, drawn === trial);
        return;
      }
    }
    if (drawn?.number !== trial.number) return; // another was selected meanwhile
    const said = trial.kernel ? trial : details.get(trial.number);
    const { kernel, direction } = said;
    parameters.replaceChildren(...parameterList({ ...trial, direction, details: said.details }));
    const hasKernel = Object.keys(kernel ?? {}).length > 0;
    toggle(kernelTitle, hasKernel);
    toggle(kernelBox, hasKernel);
    if (!hasKernel) return;
    drawKernel ??= mountKernel(kernelBox); // only now: a hidden canvas has no size
    drawKernel(kernel);
  }
}

function headParts(trial, studyUrl) {
  return [
    el("h3", {}, `Trial ${trial.number}`),
    trial.pareto && el("span", { class: "pill front" }, "front"),
    trial.recommended && el("span", { class: "pill recommended", title: RECOMMENDED }, "recommended"),
    sourcePill(trial),
    trial.state !== "complete" && el("span", { class: `pill ${trial.state}` }, trial.state),
    el("span", { class: "muted num" }, duration(trial.seconds)),
    el("span", { class: "push links" },
      ...(byId("controls").hidden ? [] : tryLinks(trial, studyUrl)), // who only looks has none
      trial.state === "complete" && el("a", { href: `${studyUrl}trials/${trial.number}/chat/` }, "Chat"),
      el("a", { href: `${studyUrl}trials/${trial.number}/` }, "Own page")),
  ].filter(Boolean);
}

function tryLinks({ number }, studyUrl) {
  const id = studyUrl.split("/")[2];
  return [
    el("a", { href: `/studies/new?try=${id}:${number}` }, "Try in a new study"),
    el("a", { href: `${studyUrl}trials/${number}/#elsewhere` }, "Try in another study"),
  ];
}

function failure(trial) {
  return el("div", { class: "callout error" }, trial.error || "This trial has no scores.");
}

function scoreTable(trial, state) {
  const original = new Map((state.baseline ?? []).map((score) => [score.name, score]));
  const rows = trial.scores.map((score) => {
    const before = original.get(score.name)?.display ?? number(score.baseline);
    return el("tr", {},
      el("th", { scope: "row" }, score.name),
      el("td", { class: "num strong" }, score.display || number(score.value)),
      el("td", { class: "num" }, before),
      el("td", { class: "num muted" }, interval(score)));
  });
  const titles = ["Score", "This trial", "Original", "95 % interval"];
  return el("table", { class: "table compact" },
    el("thead", {}, el("tr", {}, ...titles.map((t) => el("th", { scope: "col" }, t)))),
    el("tbody", {}, ...rows));
}

function interval({ low, high }) {
  if (low === null || high === null || low === undefined || high === undefined) return "–";
  return `${number(low)} – ${number(high)}`;
}

function parameterList(trial) {
  const rows = flatParameters(trial.parameters).map(([name, raw]) => [name, value(raw)]);
  if (trial.direction) rows.push(["direction", trial.direction]);
  for (const [name, raw] of Object.entries(trial.details ?? {})) rows.push([name, value(raw)]);
  return rows.flatMap(([name, text]) => [el("dt", {}, name), el("dd", { class: "num" }, text)]);
}
