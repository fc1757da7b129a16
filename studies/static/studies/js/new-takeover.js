// How many trials of the original a fork would take over, and why not the others.

import { el, setText, toggle } from "./dom.js";

/** @param {HTMLElement} root @param {any} fork as the preview says */
export function drawTakeover(root, fork) {
  toggle(root, true);
  setText(root.querySelector("[data-count]"), headline(fork));
  const reasons = fork.left_out.map((one) => el("li", {},
    el("strong", {}, one.reason), ` – ${one.count} ${one.count === 1 ? "trial" : "trials"}, `,
    el("span", { class: "muted" }, `such as trial ${one.trials[0]}: ${one.example}`)));
  const changed = fork.changed.map((name) => el("li", {},
    el("strong", {}, name), " is another than in the original."));
  const list = root.querySelector("ul");
  list.replaceChildren(...changed, ...reasons);
  toggle(list, list.childElementCount > 0);
  const bar = root.querySelector("progress");
  bar.max = Math.max(1, fork.n_finished);
  bar.value = fork.n_taken_over;
  toggle(bar, fork.n_finished > 0);
}

function headline({ n_finished, n_taken_over, changed }) {
  if (!n_finished) return "The original has no finished trial to take over.";
  if (changed.length) {
    return `None of the ${n_finished} finished trials can be taken over, since this fork measures something else:`;
  }
  const fit = `${n_taken_over} of ${n_finished} finished trials fit this search space and are taken over as its history.`;
  return n_taken_over < n_finished ? `${fit} The others do not fit:` : fit;
}
