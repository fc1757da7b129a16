// One scoring: how far it is, which prompts were asked, and the models beside their original.

import { el } from "./dom.js";
import { duration, number } from "./format.js";
import { isActive } from "./job-list.js";

/**
 * @param {any} one as the API shows it
 * @param {{title: string, cancel: ((one: any) => void)|null, first: any[], label: (result: any) => (Node|string), titles: string[], before: (result: any) => any[]}} look
 *   `cancel`: null for those who may only look; `first`: the original's scores to compare with; `titles`: of the columns below each score
 * @returns {HTMLElement}
 */
export function scoringRow(one, { title, cancel, first, label, titles, before }) {
  const { error, error_advice: advice } = one.job;
  const at = el("time", { datetime: one.created_at, class: "muted num" },
    `${one.created_at.slice(0, 16).replace("T", " ")} UTC`);
  return el("article", { class: "export", id: `scoring-${one.id}` },
    el("div", { class: "export-head" },
      el("h3", {}, title), jobStatus(one.job), at,
      el("span", { class: "push controls" }, cancel && isActive(one) && !one.job.stopping && el("button", {
        type: "button", class: "button small", id: `cancel-${one.id}`, onclick: () => cancel(one),
      }, "Cancel"))),
    jobProgress(one.job.progress),
    error && el("div", { class: "callout error" }, `${error} ${advice}`),
    one.baseline.length > 0 && el("div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": `Scores: ${title}` },
      scoreTable(one, { first, label, titles, before })),
    el("ul", { class: "plain small-note" }, ...one.prompts.map((p) => el("li", {}, promptsText(p)))));
}

function jobStatus({ status, stopping }) {
  const shown = stopping ? "stopping" : status;
  return el("span", { class: "status", dataset: { status: shown } }, shown[0].toUpperCase() + shown.slice(1));
}

function jobProgress({ label, done, total, eta_seconds: left }) {
  if (!label) return null;
  const known = total > 0 ? { max: total, value: done } : {};
  return el("div", { class: "export-progress" },
    el("progress", { ...known, "aria-label": label }),
    el("span", { class: "muted num" }, left ? `${label} · ${duration(left)} left` : label));
}

function promptsText({ scored, how, name, count, dropped }) {
  const parts = [count === null ? "not read yet" : `${count} prompts`];
  if (dropped) parts.push(`${dropped} left out, which the search had read`);
  const use = { own: "", prefix: ", for the common beginning of answers" }[how] ?? `, for ${scored}`;
  return `${name}${use}: ${parts.join(", ")}`;
}

function scoreTable({ baseline, results }, { first, label, titles, before }) {
  const names = baseline.map((score) => score.name);
  const rows = [["Original", { search: first, scores: baseline, error: "" }],
    ...results.map((result) => [label(result), { ...result, search: before(result) }])];
  const several = titles.length > 1;
  const span = several ? { scope: "colgroup", colspan: titles.length } : { scope: "col" };
  return el("table", { class: "table compared" },
    el("thead", {},
      el("tr", {}, el("th", { scope: "col", rowspan: several && 2 }, "Model"),
        ...baseline.map((score) => el("th", span, score.name, arrow(score.direction)))),
      several && el("tr", {}, ...names.flatMap(() => titles.map((title) => el("th", { scope: "col" }, title))))),
    el("tbody", {}, ...rows.map(([head, result]) => el("tr", {}, el("th", { scope: "row" }, head),
      ...(result.error
        ? [el("td", { class: "problem", colspan: names.length * titles.length }, result.error)]
        : names.flatMap((name) => cells(name, result, titles.length)))))));
}

function arrow(direction) {
  if (direction === "none") return null;
  const less = direction === "minimize";
  return el("span", { class: "muted", title: less ? "less is better" : "more is better" }, less ? " ↓" : " ↑");
}

function cells(name, { search, scores }, n) {
  const [then, now] = [search, scores].map((all) => all.find((score) => score.name === name));
  const last = el("td", { class: "num strong" }, ...scoreText(now),
    n > 1 && isWorse(then, now) && el("span", { class: "pill failed", title: WORSE }, "worse"));
  return n > 1 ? [el("td", { class: "num" }, ...scoreText(then)), last] : [last];
}

const WORSE = "The intervals do not meet: on prompts that it was not chosen by, it does worse";

/** @returns {(Node|string)[]} */
function scoreText(score) {
  if (!score) return ["–"];
  const interval = hasInterval(score) && el("span", { class: "over", title: "95 % interval (Wilson)" },
    `${percent(score.low)} – ${percent(score.high)} %`);
  return [score.display || number(score.value), interval || ""];
}

function isWorse(then, now) {
  if (!hasInterval(then) || !hasInterval(now)) return false;
  return now.direction === "minimize" ? now.low > then.high
    : now.direction === "maximize" && now.high < then.low;
}

function hasInterval(score) {
  return Number.isFinite(score?.low) && Number.isFinite(score?.high);
}

function percent(share) {
  return String(Math.round(share * 1000) / 10);
}
