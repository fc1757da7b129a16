// The trials as a table: filtered, sorted by any column, the front marked, one row selected.

import { scoreNames, scoreValue } from "./derived.js";
import { el, setText } from "./dom.js";
import { mountFilters } from "./filters.js";
import { duration, number } from "./format.js";
import { sourcePill } from "./origin.js";
import { prunedText } from "./pruned.js";

const PAGE = 100; // rows; more on request, so that ten thousand trials stay quick
export const RECOMMENDED =
  "The knee: nearest to the front's best value of every objective, each in its own full span";
const STATES = { complete: "", pruned: "pruned", failed: "failed", interrupted: "interrupted" };
const SCORED = new Set(["complete", "pruned"]); // have scores, or some of them

/**
 * @param {HTMLElement} root
 * @param {{select: (number: number) => void}} actions
 */
export function mountTable(root, { select }) {
  const filters = mountFilters(() => {
    shown = PAGE;
    draw();
  });
  const count = el("span", { class: "muted num" });
  const more = el("button", { type: "button", class: "button small" }, "Show more");
  const head = el("tr");
  const body = el("tbody");
  const table = el(
    "table", { class: "table trials", "aria-label": "Trials" }, el("thead", {}, head), body,
  );
  const empty = el("p", { class: "empty" });
  const box = el("div", { class: "scroll trials-scroll", tabindex: "-1" }, table, empty);
  root.replaceChildren(
    el("div", { class: "table-tools" }, ...filters.nodes, count),
    box, more,
  );

  let state = null;
  let selected = null;
  let shown = PAGE;
  let sort = { key: "number", up: false }; // the newest first
  let names = [];
  /** @type {Map<number, {row: HTMLElement, trial: any}>} */
  const rows = new Map();

  more.addEventListener("click", () => {
    shown += PAGE;
    draw();
  });
  body.addEventListener("click", (event) => choose(rowOf(event.target)));
  body.addEventListener("keydown", onKey);

  function rowOf(target) {
    return target instanceof Element ? target.closest("tr") : null;
  }

  function choose(row) {
    if (row?.dataset.number) select(Number(row.dataset.number));
  }

  function onKey(event) {
    const row = rowOf(event.target);
    if (!row) return;
    const goal = {
      ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling,
      Home: body.firstElementChild, End: body.lastElementChild,
    };
    if (event.key === "Enter" || event.key === " ") choose(row);
    else if (event.key in goal) focusRow(goal[event.key]);
    else return;
    event.preventDefault();
  }

  /** One row is in the tab order; arrows move it. */
  function focusRow(row) {
    if (!(row instanceof HTMLElement)) return;
    for (const other of body.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    row.tabIndex = 0;
    row.focus();
  }

  function drawHead() {
    names = scoreNames(state);
    const columns = [["number", "Trial"], ...names.map((n) => [n, n]), ["seconds", "Time"]];
    const key = columns.map(([column]) => column).join("\n") + sort.key + sort.up;
    if (head.dataset.key === key) return;
    head.dataset.key = key;
    const focused = document.activeElement?.closest("th")?.dataset.column;
    head.replaceChildren(...columns.map(([column, label]) => headCell(column, label)));
    if (focused) head.querySelector(`[data-column="${CSS.escape(focused)}"] button`)?.focus();
  }

  function headCell(column, label) {
    const active = sort.key === column;
    const arrow = active ? (sort.up ? "↑" : "↓") : "";
    const button = el(
      "button", { type: "button", class: "sort", onclick: () => sortBy(column) },
      label, el("span", { class: "arrow", "aria-hidden": "true" }, arrow),
    );
    const order = active ? (sort.up ? "ascending" : "descending") : "none";
    return el("th", { scope: "col", "aria-sort": order, dataset: { column } }, button);
  }

  function sortBy(key) {
    sort = { key, up: sort.key === key ? !sort.up : true };
    draw();
  }

  function sorted() {
    const value = {
      number: (trial) => trial.number,
      seconds: (trial) => trial.seconds,
    }[sort.key] ?? ((trial) => scoreValue(trial, sort.key));
    const sign = sort.up ? 1 : -1;
    return [...state.trials.values()]
      .filter(filters.matches)
      .sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === null || y === null) return (x === null) - (y === null) || a.number - b.number;
        return sign * (x - y) || a.number - b.number;
      });
  }

  function draw(newState = state, newSelected = selected) {
    if (!newState) return;
    const moved = newSelected !== selected;
    [state, selected] = [newState, newSelected];
    drawHead();
    filters.fill(state);
    const all = sorted();
    const visible = all.slice(0, shown);
    const keep = new Set(visible.map((trial) => trial.number));
    for (const [key, { row }] of rows) {
      if (keep.has(key)) continue;
      row.remove();
      rows.delete(key);
    }
    visible.forEach((trial, index) => {
      const row = rowFor(trial);
      // Moving a row would drop its focus: only those out of place are moved.
      if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
    });
    if (!body.querySelector('[tabindex="0"]') && body.firstElementChild) {
      /** @type {HTMLElement} */ (body.firstElementChild).tabIndex = 0;
    }
    more.hidden = all.length <= shown;
    empty.hidden = all.length > 0;
    setText(empty, emptyText());
    setText(count, countText(all.length));
    if (moved) reveal(rows.get(selected)?.row);
  }

  /** Scroll the table, not the page, to a row that was chosen elsewhere. */
  function reveal(row) {
    if (!row) return;
    const top = row.offsetTop - head.offsetHeight;
    const bottom = row.offsetTop + row.offsetHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  }

  function emptyText() {
    if (state.trials.size) return "No trial fits the filters.";
    return ["running", "stopping", "queued"].includes(state.status)
      ? "No trial has finished yet. The first appears here by itself."
      : "No trial has run.";
  }

  function countText(n) {
    const front = [...state.trials.values()].filter((t) => t.pareto).length;
    const pruned = [...state.trials.values()].filter((t) => t.state === "pruned").length;
    const all = filters.isActive() ? `${n} of ${state.trials.size}` : String(n);
    const rest = pruned ? ` · ${pruned} pruned` : "";
    const more = state.is_partial ? " · reading older ones …" : "";
    return `${all} ${all === "1" ? "trial" : "trials"} · ${front} on the front${rest}${more}`;
  }

  function rowFor(trial) {
    const old = rows.get(trial.number);
    const row = old?.row ?? el("tr", { tabindex: "-1", dataset: { number: trial.number } });
    const isSelected = trial.number === selected;
    row.setAttribute("aria-selected", String(isSelected));
    row.classList.toggle("selected", isSelected);
    const key = names.join("\n");
    if (old?.trial === trial && row.dataset.names === key) return row;
    row.dataset.names = key;
    row.classList.toggle("on-front", trial.pareto);
    row.replaceChildren(
      el("td", { class: "num" }, trial.number,
        trial.pareto && el("span", { class: "pill front", title: "No other trial beats it" }, "front"),
        trial.recommended && el("span", { class: "pill recommended", title: RECOMMENDED }, "recommended"),
        ...(trial.tags ?? []).map((tag) => el("span", { class: "tag" }, tag)),
        trial.note && el("span", { class: "pill", title: trial.note }, "note"),
        sourcePill(trial),
        STATES[trial.state] && el("span",
          { class: `pill ${trial.state}`, title: prunedText(trial) }, STATES[trial.state])),
      ...(SCORED.has(trial.state) ? names.map((name) => scoreCell(trial, name)) : [failure(trial)]),
      el("td", { class: "num" }, duration(trial.seconds)),
    );
    rows.set(trial.number, { row, trial });
    return row;
  }

  function failure(trial) {
    return el("td", { colspan: Math.max(1, names.length), class: "reason" }, trial.error);
  }

  return draw;
}

function scoreCell(trial, name) {
  const score = trial.scores.find((s) => s.name === name);
  return el("td", { class: "num" }, score ? score.display || number(score.value) : "–");
}
