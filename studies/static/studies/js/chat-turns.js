// Draws the turns: the question, and both answers beside one another.

import { el, setText, toggle } from "./dom.js";
import { number } from "./format.js";
import { markdown } from "./markdown.js";

const ENDINGS = {
  length: "cut at the longest length", context: "the model can read no more", end: "", "": "",
};
const TITLES = { original: () => "Original", ablated: (s) => `Ablated, strength ${number(s)}` };

/**
 * @param {HTMLElement} root
 * @param {{suggestions: string[], canAsk: boolean, onSuggest: (text: string) => void, onAgain: () => void}} options
 */
export function mountTurns(root, { suggestions, canAsk, onSuggest, onAgain }) {
  const drawn = new Map(); // number → {node, key, draw}
  const empty = emptyState(suggestions, canAsk, onSuggest);
  root.replaceChildren(empty);

  return (state, strength) => {
    toggle(empty, state.turns.size === 0);
    const numbers = [...state.turns.keys()].sort((a, b) => a - b);
    const follow = atBottom();
    for (const n of numbers) {
      let part = drawn.get(n);
      if (!part) {
        part = turnPart();
        drawn.set(n, part);
        root.append(part.node);
      }
      const turn = state.turns.get(n);
      const repeated = numbers.some((m) => m > n && sameQuestion(state.turns.get(m), turn));
      part.draw(turn, { repeated, progress: state.progress });
    }
    drawAgain(drawn.get(numbers.at(-1)), state.turns.get(numbers.at(-1)), strength, canAsk && onAgain);
    for (const n of numbers.slice(0, -1)) drawAgain(drawn.get(n), null, 0, null);
    if (follow) window.scrollTo({ top: document.body.scrollHeight });
  };
}

function sameQuestion(later, turn) {
  return later.parent === turn.parent && later.message === turn.message;
}

function atBottom() {
  return window.innerHeight + window.scrollY >= document.body.scrollHeight - 80;
}

function emptyState(suggestions, canAsk, onSuggest) {
  return el("div", { class: "card chat-empty" },
    el("h2", {}, "Ask both models the same thing"),
    el("p", { class: "muted" }, canAsk
      ? "The original answers on the left, the ablated model on the right. The strength can be changed between questions, without loading anything again."
      : "You may read chats here, but not ask: that needs the right to run studies."),
    canAsk && suggestions.length > 0 && el("div", { class: "suggestions" },
      ...suggestions.map((text) => el("button", {
        type: "button", class: "button suggestion", onclick: () => onSuggest(text),
      }, text))));
}

function turnPart() {
  const question = el("p", { class: "chat-question" });
  const note = el("p", { class: "muted chat-note", hidden: true });
  const error = el("div", { class: "callout error", role: "alert", hidden: true });
  const columns = { original: columnPart("original"), ablated: columnPart("ablated") };
  const again = el("button", { type: "button", class: "button small", hidden: true });
  const node = el("article", { class: "turn" }, question,
    el("div", { class: "answers" }, columns.original.node, columns.ablated.node), note, error, again);
  let key = "";
  return {
    node, again,
    draw(turn, { repeated, progress }) {
      const now = JSON.stringify([turn, repeated, turn.state === "done" ? "" : progress]);
      if (now === key) return;
      key = now;
      node.dataset.state = turn.state;
      node.classList.toggle("repeated", repeated);
      setText(question, turn.message);
      for (const [name, part] of Object.entries(columns)) part.draw(turn, progress);
      const words = notes(turn, repeated);
      setText(note, words);
      toggle(note, Boolean(words));
      setText(error, `${turn.error} ${turn.error_advice}`.trim());
      toggle(error, Boolean(turn.error));
    },
  };
}

function drawAgain(part, turn, strength, onAgain) {
  if (!part) return;
  const ended = Boolean(turn) && ["done", "stopped", "failed"].includes(turn.state);
  toggle(part.again, Boolean(ended && onAgain));
  if (!ended || !onAgain) return;
  setText(part.again, `Ask again at strength ${number(strength)}`);
  part.again.onclick = onAgain;
}

function columnPart(name) {
  const title = el("h3", {});
  const body = el("div", { class: "chat-text" });
  const foot = el("p", { class: "muted num chat-foot", hidden: true });
  const node = el("section", { class: "answer", dataset: { column: name } }, title, body, foot);
  let shown = "";
  return {
    node,
    draw(turn, progress) {
      const { text, n_tokens: count, ending } = turn.columns[name];
      const whole = turn.state === "done" || turn.state === "stopped";
      setText(title, TITLES[name](turn.settings.strength));
      const waiting = !text && !whole && turn.state !== "failed";
      body.setAttribute("aria-busy", String(!whole && turn.state !== "failed"));
      const key = `${whole}|${waiting}|${text}|${waiting && waitingWords(turn, progress)}`;
      if (key !== shown) {
        shown = key;
        if (waiting) body.replaceChildren(el("p", { class: "muted" }, waitingWords(turn, progress)));
        else if (whole && text) body.replaceChildren(markdown(text));
        else body.replaceChildren(el("p", { class: "answer-text" }, text || (whole ? "(no answer)" : "")));
      }
      const words = [count > 0 && `${count} tokens`, ENDINGS[ending] ?? ""].filter(Boolean).join(" · ");
      setText(foot, words);
      toggle(foot, whole && Boolean(words));
    },
  };
}

function waitingWords(turn, progress) {
  if (turn.state === "queued") return turn.place ? `Waiting, number ${turn.place} in the queue` : "Waiting for a worker";
  if (!progress.label) return "Thinking …";
  return progress.total > 0
    ? `${progress.label} (${progress.done} of ${progress.total})` : `${progress.label} …`;
}

function notes(turn, repeated) {
  return [
    repeated && "Asked again below; what follows goes on from there.",
    turn.state === "stopped" && "Stopped.",
    turn.state === "stopping" && "Stopping …",
    turn.n_dropped > 0 && `The model had no room for the oldest ${turn.n_dropped} of the questions and their answers.`,
  ].filter(Boolean).join(" ");
}
