// The job that measures a study's geometry: how far it is, and the buttons for it.

import { call } from "./api.js";
import { el, setText, toggle } from "./dom.js";
import { duration } from "./format.js";

const PAUSE = 1500; // milliseconds between two looks at a running job
const AWAY = 6000; // and where the server does not answer
const ACTIVE = ["queued", "running"];

/**
 * @param {HTMLElement} root
 * @param {any} geometry as the API shows it
 * @param {{mayRun: boolean, onChange: (geometry: any) => void, text?: string}} options
 *   `text` says what there is to gain, where nothing is measured yet
 */
export function mountGeometryJob(root, geometry, { mayRun, onChange, text = "" }) {
  const path = `studies/${geometry.study}/geometry`;
  const box = el("div", { "aria-live": "polite" });
  const problem = el("div", { class: "callout error", role: "alert", hidden: true });
  root.replaceChildren(box, problem);
  let timer = 0;

  async function act(work) {
    toggle(problem, false);
    root.setAttribute("aria-busy", "true");
    try {
      await work();
      show(await call("GET", path));
    } catch (error) {
      setText(problem, error.message);
      toggle(problem, true);
    } finally {
      root.removeAttribute("aria-busy");
    }
  }

  async function look() {
    try {
      show(await call("GET", path));
    } catch {
      timer = window.setTimeout(look, AWAY);
    }
  }

  function show(fresh) {
    clearTimeout(timer);
    draw(fresh);
    onChange(fresh);
    if (ACTIVE.includes(fresh.status)) timer = window.setTimeout(look, PAUSE);
  }

  const start = () => act(() => call("POST", path));
  const cancel = (job) => act(() => call("POST", `jobs/${job.id}/cancel`));

  function draw(fresh) {
    const had = box.contains(document.activeElement) ? document.activeElement?.id : "";
    box.replaceChildren(...parts(fresh, mayRun && { start, cancel }, text));
    if (had) document.getElementById(had)?.focus();
  }

  show(geometry);
}

function parts({ status, job, measured_at: measured }, actions, text) {
  if (ACTIVE.includes(status)) return [running(status, job, actions)];
  const again = Boolean(measured);
  const button = actions && el("button", {
    type: "button", id: "geometry-start", class: again ? "button small" : "button primary",
    onclick: actions.start,
  }, again ? "Measure again" : "Measure the geometry");
  const failed = status === "failed" &&
    el("div", { class: "callout error" }, `${job.error} ${job.error_advice}`);
  const canceled = status === "canceled" && el("p", { class: "muted" }, "The last measurement was canceled.");
  const nothing = !again && el("p", { class: "empty" }, `${text} It needs the model on a worker.`.trim());
  const when = again && el("span", { class: "muted num" }, `Measured ${measured.slice(0, 16).replace("T", " ")} UTC`);
  return [failed, canceled, nothing,
    (button || when) && el("div", { class: "controls" }, button, when)].filter(Boolean);
}

function running(status, job, actions) {
  const { label, done = 0, total = 0, eta_seconds: left } = job.progress;
  const words = label ?? (status === "queued" ? "Waits for a worker" : "Starting");
  const bar = total > 0
    ? el("progress", { max: total, value: done, "aria-label": words })
    : el("progress", { "aria-label": words });
  return el("div", { class: "export-head" },
    el("span", { class: "status", dataset: { status: job.stopping ? "stopping" : status } },
      job.stopping ? "Stopping" : status[0].toUpperCase() + status.slice(1)),
    el("div", { class: "export-progress" }, bar,
      el("span", { class: "muted num" }, left ? `${words} · ${duration(left)} left` : words)),
    actions && !job.stopping && el("button", {
      type: "button", id: "geometry-cancel", class: "button small", onclick: () => actions.cancel(job),
    }, "Cancel"));
}
