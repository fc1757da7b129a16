// What a study was asked to try and has not tried yet.

import { byId, el, setText, toggle } from "./dom.js";
import { flatParameters, value } from "./format.js";

const HINTS = {
  draft: "They are tried first, once the study is started.",
  queued: "They are tried first.",
  running: "They are tried next.",
  stopping: "They stay until the study goes on.",
  stopped: "They are tried next, once the study is resumed.",
  completed: "Add trials to the study to try them.",
  failed: "They stay until the study goes on.",
};

export function mountWaiting() {
  const root = byId("waiting");
  let drawn = "";
  return (state) => {
    const waiting = state.waiting ?? [];
    toggle(root, waiting.length > 0);
    setText(byId("waiting-hint"), HINTS[state.status] ?? "");
    const key = JSON.stringify(waiting);
    if (key === drawn) return;
    drawn = key;
    byId("waiting-list").replaceChildren(...waiting.map(line));
  };
}

function line({ parameters, origin }) {
  const text = flatParameters(parameters).map(([name, raw]) => `${name}: ${value(raw)}`).join(", ");
  return el("li", {},
    origin && el("a", { href: `/studies/${origin.study}/trials/${origin.number}/` }, `As trial ${origin.number} of another study`),
    el("span", { class: "num" }, origin ? ` – ${text}` : text));
}
