// A study's figures: each is read when it comes into view, and again after new trials.

import { call } from "./api.js";
import { byId, readJson, setText, throttled, toggle } from "./dom.js";
import { drawFigure } from "./figure.js";
import { keepConnected } from "./socket.js";

const REDRAW_EVERY = 10000; // milliseconds, while trials come in
const { id, n_ended, event_count } = readJson("page-data");
const pick = /** @type {HTMLSelectElement} */ (byId("objective"));

let ended = n_ended;
let lastEvent = event_count;

/** @type {Map<Element, {visible: boolean, shown: string, figure: any}>} */
const cards = new Map();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const card = cards.get(target);
    if (!card) continue;
    card.visible = isIntersecting;
    if (isIntersecting) show(target);
  }
}, { rootMargin: "200px" });

for (const node of document.querySelectorAll("[data-figure]")) {
  cards.set(node, { visible: false, shown: "", figure: null });
  watcher.observe(node);
}

/** Read a figure unless the one that stands there is still true. */
async function show(node) {
  const card = cards.get(node);
  const kind = node.dataset.figure;
  const objective = "perObjective" in node.dataset ? Number(pick.value) || 0 : 0;
  const wanted = `${ended} ${objective}`;
  if (!card || card.shown === wanted) return;
  card.shown = wanted;
  const problem = node.querySelector("[data-problem]");
  node.setAttribute("aria-busy", "true");
  try {
    const figure = await call("GET", `studies/${id}/figures/${kind}?objective=${objective}`);
    if (card.shown !== wanted) return; // another was asked for meanwhile
    card.figure = figure;
    draw(node, card);
    toggle(problem, false);
  } catch (error) {
    card.shown = "";
    setText(problem, `The figure could not be loaded. ${error.message}`);
    toggle(problem, true);
  } finally {
    node.removeAttribute("aria-busy");
  }
}

function draw(node, { figure }) {
  const some = figure.data.length > 0;
  toggle(node.querySelector("[data-empty]"), !some);
  const box = node.querySelector("[data-box]");
  toggle(box, some);
  if (some) drawFigure(box, figure, node.dataset.figure, node.querySelector("h2").textContent);
}

function showVisible() {
  for (const [node, card] of cards) if (card.visible) show(node);
}

pick.addEventListener("change", showVisible);
document.addEventListener("theme-changed", () => {
  for (const [node, card] of cards) if (card.figure) draw(node, card);
});

const showLater = throttled(showVisible, REDRAW_EVERY);
keepConnected({
  path: `/ws/studies/${id}/`,
  after: () => lastEvent,
  onMessage(message) {
    if (!message.number || message.number <= lastEvent) return true;
    if (message.number !== lastEvent + 1) return false;
    lastEvent = message.number;
    if (!["trial_finished", "trial_pruned", "trial_failed"].includes(message.kind)) return true;
    ended += 1;
    setText(byId("n-ended"), String(ended));
    showLater();
    return true;
  },
  onState(state, text) {
    const banner = byId("connection");
    setText(banner, text);
    toggle(banner, state !== "live");
    document.body.dataset.connection = state;
  },
});
