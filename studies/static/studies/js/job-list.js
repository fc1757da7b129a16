// A list of things that jobs make: read again while one of them is under way, or after an act.

import { call } from "./api.js";
import { el, setText, toggle } from "./dom.js";
import { duration } from "./format.js";

const PAUSE = 1500; // ms between two looks at a running job

/**
 * @param {HTMLElement} root gets the list and what goes wrong
 * @param {{read: () => Promise<any[]>, row: (one: any, cancel: HTMLElement|null) => HTMLElement, empty: string, mayRun: boolean}} options
 */
export function mountJobList(root, { read, row, empty, mayRun }) {
  const problem = el("div", { class: "callout error", role: "alert", hidden: true });
  const list = el("div", { class: "exports" });
  let timer = 0;
  root.append(problem, list);

  /** Do something, then read the list; what went wrong is told above it. */
  async function act(work) {
    toggle(problem, false);
    root.setAttribute("aria-busy", "true");
    try {
      await work();
      await look();
    } catch (error) {
      problem.replaceChildren(...faults(error).map((text) => el("p", {}, text)));
      toggle(problem, true);
    } finally {
      root.removeAttribute("aria-busy");
    }
  }

  async function look() {
    clearTimeout(timer);
    draw(await read());
  }

  async function lookAgain() {
    try {
      await look();
    } catch {
      timer = window.setTimeout(lookAgain, PAUSE * 4); // the server is away; it comes back
    }
  }

  function draw(rows) {
    const focused = list.contains(document.activeElement) ? document.activeElement?.id : "";
    list.replaceChildren(...rows.map((one) => row(one, cancelButton(one))));
    if (!rows.length) list.append(el("p", { class: "empty" }, empty));
    if (focused) document.getElementById(focused)?.focus();
    if (rows.some(isActive)) timer = window.setTimeout(lookAgain, PAUSE);
  }

  function cancelButton(one) {
    if (!mayRun || !isActive(one) || one.job.stopping) return null;
    return el("button", {
      type: "button", class: "button small", id: `cancel-${one.id}`,
      onclick: () => act(() => call("POST", `jobs/${one.job.id}/cancel`)),
    }, "Cancel");
  }

  return { act, draw };
}

function isActive({ job }) {
  return job.status === "queued" || job.status === "running";
}

/** The problems of a refused request, one a line, with what they are about. */
function faults(error) {
  const places = (error.errors ?? []).filter((p) => p.message);
  return places.length ? places.map((p) => (p.place ? `${p.place}: ${p.message}` : p.message)) : [error.message];
}

/** @param {any} job @returns {HTMLElement} its state as a word with a mark */
export function jobStatus({ status, stopping }) {
  const shown = stopping ? "stopping" : status;
  const node = el("span", { class: "status", dataset: { status: shown } });
  setText(node, shown[0].toUpperCase() + shown.slice(1));
  return node;
}

/** @param {any} job @returns {HTMLElement|null} how far it is */
export function jobProgress({ progress: { label, done, total, eta_seconds: left } }) {
  if (!label) return null;
  const known = total > 0 ? { max: total, value: done } : {};
  return el("div", { class: "export-progress" },
    el("progress", { ...known, "aria-label": label }),
    el("span", { class: "muted num" }, left ? `${label} · ${duration(left)} left` : label));
}
