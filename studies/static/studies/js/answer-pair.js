// One prompt with the original's and the trial's answer, their verdicts, and the user's thumb.

import { copyButton } from "./copy.js";
import { el } from "./dom.js";
import { markedText } from "./marked-text.js";

/**
 * @param {any} item an answer as the API sends it
 * @param {number} number of the trial
 * @param {((item: any, wanted: boolean) => void)|null} label none where the user only looks
 */
export function pairItem(item, number, label) {
  return el("li", { class: "pair", tabindex: "-1", dataset: { position: item.position } },
    el("div", { class: "pair-head" },
      el("p", { class: "prompt" }, item.prompt),
      label && el("div", { class: "thumbs" }, thumb(item, true, label), thumb(item, false, label))),
    el("div", { class: "answers" }, original(item), changed(item, number)),
    el("p", { class: "verdicts" }, ...item.verdicts.map(verdict)));
}

function thumb(item, up, label) {
  const count = up ? item.up : item.down;
  const name = up ? "Thumb up" : "Thumb down";
  return el("button", {
    type: "button", class: "thumb", dataset: { act: up ? "up" : "down" },
    "aria-pressed": String(item.label === up), title: up ? "As it should be (1)" : "Not as it should be (2)",
    "aria-label": count ? `${name}, ${count} so far` : name,
    onclick: () => label(item, up),
  }, el("span", { "aria-hidden": "true" }, up ? "▲" : "▼"), count > 0 && el("span", { class: "num" }, count));
}

function original(item) {
  if (item.before === null) {
    return el("div", { class: "answer" },
      el("h3", {}, "Original model"), el("p", { class: "muted" }, "not stored"));
  }
  return answer("Original model", item.before, item.pieces_before, item.matched_before, "del");
}

function changed(item, number) {
  return answer(`Trial ${number}`, item.response, item.pieces, item.matched, "ins", item.cut);
}

function answer(title, text, pieces, matched, tag, cut = false) {
  const body = text
    ? el("p", { class: "answer-text" }, ...markedText(pieces, matched, tag))
    : el("p", { class: "muted" }, "(empty answer)");
  return el("div", { class: "answer" },
    el("div", { class: "answer-head" },
      el("h3", {}, title, matched.length > 0 && el("span", { class: "pill marked" }, "marker matched")),
      copyButton(() => text, "Copy", `Copy: answer of ${title}`)),
    body, cut && el("p", { class: "muted" }, "cut after the verdict"));
}

/** What a scorer says, in words: colour is never needed. */
function verdict({ scorer, counted, counted_before, is_good }) {
  const has = (yes) => (yes ? "counted" : "not counted");
  const before = counted_before === null || counted_before === counted ? "" : `, was ${has(counted_before)}`;
  return el("span", { class: `verdict ${is_good ? "good" : "bad"}` },
    el("span", { "aria-hidden": "true" }, is_good ? "✓ " : "✗ "),
    `${scorer}: ${has(counted)}${before}`);
}
