// The page of one study: renders the server's snapshot, then follows the study's events.

import { mountAnnotation } from "./annotation.js";
import { mountAnswers } from "./answers.js";
import { call } from "./api.js";
import { mountBrowserNotice } from "./browser-notice.js";
import { mountControls } from "./controls.js";
import { completeTrials, frontOrder } from "./derived.js";
import { byId, el, readJson, setText, throttled, toggle } from "./dom.js";
import { number, value } from "./format.js";
import { mountHistory } from "./history.js";
import { readOlder } from "./older.js";
import { mountPareto } from "./pareto.js";
import { mountRescores } from "./rescores.js";
import { keepConnected } from "./socket.js";
import { drawSpace } from "./space.js";
import { mountStatus } from "./status.js";
import { createStore } from "./store.js";
import { mountStudyBenchmarks } from "./study-benchmarks.js";
import { mountTable } from "./table.js";
import { mountTrial } from "./trial.js";
import { mountWaiting } from "./waiting.js";

const DRAW_EVERY = 200; // milliseconds
const QUEUE_EVERY = 5000; // milliseconds; places in the queue are no events

const snapshot = readJson("study-state");
const older = readJson("study-older"); // trials below this number are still to be read
const store = createStore(snapshot, readJson("study-trials"), older !== null);
const study = `studies/${snapshot.id}`;
let selected = chosenBefore();

const actions = { select };
const parts = [
  mountStatus(),
  mountControls(snapshot.id, store),
  mountPareto(byId("pareto"), actions),
  mountHistory(byId("history"), actions),
  mountTable(byId("trials"), actions),
  mountTrial(byId("trial"), `/${study}/`),
  mountWaiting(),
  mountRescores(snapshot.id, store),
  drawFacts,
  drawEmpty,
  drawRecommended,
  drawName,
];
const drawNotes = mountAnnotation(byId("study-annotation"), {
  kind: "study",
  save: (body) => call("PATCH", study, { body }),
});
byId("select-recommended").addEventListener("click", () => select(store.state.recommended));
const showAnswers = mountAnswers(byId("responses"), snapshot.id);
drawSpace(byId("space"), snapshot.resolved);
mountStudyBenchmarks(snapshot.id, readJson("study-benchmarks"));

function drawNow() {
  for (const draw of parts) draw(store.state, selected);
  showAnswers(hasAnswers(selected) ? selected : null);
}
const draw = throttled(drawNow, DRAW_EVERY);
const tell = mountBrowserNotice(/** @type {HTMLButtonElement} */ (byId("browser-notice")), store.state);
store.subscribe((state, kind) => {
  tell(state, kind);
  if (["status_changed", "trial_finished", "trial_pruned", "trial_failed"].includes(kind)) refresh();
  draw();
});

/** What events leave out: advice, the queue's place, the time spent. */
const refresh = throttled(async () => {
  let fresh;
  try {
    fresh = await call("GET", study);
  } catch {
    return; // the banner of the socket says that the server is away
  }
  // Older than what the events said meanwhile: the next event asks again.
  if (fresh.event_count < store.state.event_count) return;
  const { status, status_label, error, actions: can, queue_place, seconds, facts, waiting, n_failed } = fresh;
  store.merge({ status, status_label, error, actions: can, queue_place, seconds, facts, waiting, n_failed });
}, 1000);
setInterval(() => {
  if (store.state.status === "queued" && !document.hidden) refresh();
}, QUEUE_EVERY);

keepConnected({
  path: `/ws/${study}/`,
  after: () => store.state.event_count,
  onMessage: (message) => store.apply(message),
  onState: drawConnection,
  onFailure: catchUp,
});

/** While no socket gets through, the same events come from the API. */
async function catchUp() {
  try {
    const { items } = await call("GET", `${study}/events?after=${store.state.event_count}`);
    items.forEach((event) => store.apply(event));
  } catch {
    // The server is away altogether; the socket keeps trying.
  }
}

function drawConnection(state, text) {
  const banner = byId("connection");
  setText(banner, text);
  toggle(banner, state !== "live");
  document.body.dataset.connection = state;
}

function select(number) {
  selected = number;
  history.replaceState(null, "", `#trial=${number}`);
  drawNow();
}

function chosenBefore() {
  const typed = /^#trial=(\d+)$/.exec(location.hash)?.[1];
  if (typed !== undefined) return Number(typed);
  if (snapshot.status !== "completed") return null;
  if (snapshot.recommended !== null) return snapshot.recommended;
  const best = frontOrder(completeTrials(store.state.trials), snapshot.objectives)[0];
  return best?.number ?? null;
}

window.addEventListener("hashchange", () => {
  const typed = /^#trial=(\d+)$/.exec(location.hash)?.[1];
  if (typed !== undefined) select(Number(typed));
});

function hasAnswers(number) {
  const state = store.state.trials.get(number)?.state;
  return state === "complete" || state === "pruned"; // one that was pruned late has some
}

/** Charts without a point would show made-up axes. */
function drawEmpty(state) {
  const some = completeTrials(state.trials).length > 0;
  for (const id of ["pareto", "history"]) toggle(byId(id), some);
  for (const node of document.querySelectorAll("[data-no-trials]")) toggle(node, !some);
}

/** The front's compromise in words, beside the chart. */
function drawRecommended(state) {
  const trial = state.trials.get(state.recommended);
  toggle(byId("recommended"), Boolean(trial));
  if (!trial) return;
  const scores = trial.scores.map((s) => `${s.name} ${s.display || number(s.value)}`);
  setText(byId("recommended-text"), `Trial ${trial.number}: ${scores.join(", ")}`);
}

function drawName(state) {
  setText(byId("study-name"), state.name);
  drawNotes(state.id, state);
}

function drawFacts(state) {
  const root = byId("facts");
  const names = {
    architecture: "Architecture", n_layers: "Layers", components: "Components", dtype: "Number format",
    device: "Device", batch_size: "Batch size", response_prefix: "Response prefix",
  };
  const rows = Object.entries(names)
    .map(([key, label]) => [label, state.facts[key] ?? (key === "n_layers" ? state.n_layers : null)])
    .filter(([, raw]) => raw !== null && raw !== undefined && raw !== "");
  toggle(byId("facts-box"), rows.length > 0);
  const key = JSON.stringify(rows);
  if (root.dataset.key === key) return;
  root.dataset.key = key;
  root.replaceChildren(...rows.flatMap(([label, raw]) => [
    el("dt", {}, label), el("dd", { class: "num" }, factText(raw)),
  ]));
}

function factText(raw) {
  if (raw && typeof raw === "object" && !Array.isArray(raw)) {
    return Object.entries(raw).map(([name, count]) => `${name} × ${count}`).join(", ");
  }
  return value(raw);
}

drawNow();
if (older !== null) readOlder(study, older, store);
