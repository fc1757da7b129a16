// How far people's thumbs and the scorers' verdicts agree.

import { el, toggle } from "./dom.js";

/** @param {HTMLElement} root */
export function mountAgreement(root) {
  const body = el("tbody");
  const titles = ["Scorer", "You agree", "Kappa", "Everybody agrees", "Kappa"];
  const table = el("div", { class: "scroll" },
    el("table", { class: "table compact" },
      el("thead", {}, el("tr", {}, ...titles.map((t) => el("th", { scope: "col" }, t)))), body));
  const box = el("details", { class: "agreement", hidden: true },
    el("summary", {}, "Agreement of labels with each scorer"), table,
    el("p", { class: "muted" },
      "A thumb up agrees where the scorer finds what the search wants (no marker, or unchanged). ",
      "Kappa is Cohen's: 0 is chance, 1 is full agreement."));
  root.replaceChildren(box);

  /** @param {{scorer: string, mine: any, everybody: any}[]} rows */
  return (rows) => {
    toggle(box, rows.some((row) => row.everybody.n > 0));
    body.replaceChildren(...rows.map(({ scorer, mine, everybody }) => el("tr", {},
      el("th", { scope: "row" }, scorer),
      ...cells(mine), ...cells(everybody))));
  };
}

function cells({ n, agreed, kappa }) {
  const share = n ? `${agreed} of ${n} (${Math.round((100 * agreed) / n)} %)` : "–";
  return [el("td", { class: "num" }, share), el("td", { class: "num" }, kappa === null ? "–" : kappa.toFixed(2))];
}
