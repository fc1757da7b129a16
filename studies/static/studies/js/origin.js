// Where a trial comes from, if its study did not choose it itself.

import { el } from "./dom.js";

export const SOURCES = { enqueued: "enqueued", taken_over: "taken over" };

/** A mark like those of the front, or nothing for a trial that the search chose. */
export function sourcePill(trial) {
  const words = SOURCES[trial.source];
  return words ? el("span", { class: "pill", title: TITLES[trial.source] }, words) : null;
}

const TITLES = {
  enqueued: "Somebody asked for it",
  taken_over: "Measured by the study that this one was forked from",
};

/** A line with a link to the trial that it comes from, or nothing. */
export function originLine(trial) {
  if (!trial.origin) return null;
  const { study, number } = trial.origin;
  const link = el("a", { href: `/studies/${study}/trials/${number}/` }, `trial ${number} of another study`);
  return el("p", { class: "muted" },
    trial.source === "taken_over" ? "Measured as " : "With the parameters of ", link, ".");
}
