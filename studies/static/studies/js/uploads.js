// Uploads of an export: start one, follow it, cancel it, open what came of it.

import { call } from "./api.js";
import { byId, el, readJson, setText, toggle } from "./dom.js";
import { duration } from "./format.js";

const PAUSE = 1500; // ms between two looks at a running upload
const root = byId("uploads");
const mayRun = root.dataset.readOnly === undefined;
const { id, uploads } = readJson("page-data");
const problem = el("div", { class: "callout error", role: "alert", hidden: true });
const list = el("div", { class: "exports", "aria-live": "polite" });
let timer = 0;

async function act(work) {
  toggle(problem, false);
  root.setAttribute("aria-busy", "true");
  try {
    await work();
    await look();
  } catch (error) {
    setText(problem, error.message);
    toggle(problem, true);
  } finally {
    root.removeAttribute("aria-busy");
  }
}

async function look() {
  clearTimeout(timer);
  draw(await call("GET", `exports/${id}/uploads`));
}

async function lookAgain() {
  try {
    await look();
  } catch {
    timer = window.setTimeout(lookAgain, PAUSE * 4); // the server is away; it comes back
  }
}

/** @param {any[]} rows as the API shows them */
function draw(rows) {
  list.replaceChildren(...rows.map(row));
  if (!rows.length) list.append(el("p", { class: "empty" }, "Nothing was uploaded yet."));
  if (rows.some(isActive)) timer = window.setTimeout(lookAgain, PAUSE);
}

function isActive({ job }) {
  return job.status === "queued" || job.status === "running";
}

function row(one) {
  const { status, stopping, progress, error, error_advice: advice, id: job } = one.job;
  const cancel = mayRun && isActive(one) && !stopping && el("button", {
    type: "button", class: "button small", onclick: () => act(() => call("POST", `jobs/${job}/cancel`)),
  }, "Cancel");
  const shown = stopping ? "stopping" : status;
  return el("article", { class: "export" },
    el("div", { class: "export-head" },
      el("h3", {}, one.repo_id),
      el("span", { class: "status", dataset: { status: shown } }, shown[0].toUpperCase() + shown.slice(1)),
      el("span", { class: "muted" }, one.private ? "private" : "public"),
      one.url && el("a", { href: one.url, rel: "noreferrer" }, "Open on the hub"),
      el("span", { class: "push controls" }, cancel)),
    progress.label && bar(progress),
    error && el("div", { class: "callout error" }, `${error} ${advice}`));
}

function bar({ label, done, total, eta_seconds: left }) {
  const known = total > 0 ? { max: total, value: done } : {};
  return el("div", { class: "export-progress" },
    el("progress", { ...known, "aria-label": label }),
    el("span", { class: "muted num" }, left ? `${label} · ${duration(left)} left` : label));
}

function form() {
  const repo = input({ name: "repo_id", required: true, maxlength: 200, placeholder: "owner/name" });
  const token = input({ type: "password", name: "token", autocomplete: "off", maxlength: 500 });
  const message = input({ name: "message", maxlength: 300 });
  const isPublic = input({ type: "checkbox", name: "public" });
  const node = el("form", { class: "export-form" },
    el("div", { class: "fields" },
      field("Repository", repo, "Is made if it is not there."),
      field("Token", token, "Empty: the worker's own (HF_TOKEN)."),
      field("Commit message", message, "Empty: a short one is made.")),
    el("label", { class: "check" }, isPublic, " Make it public"),
    el("button", { type: "submit", class: "button primary" }, "Upload"));
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = {
      repo_id: repo.value.trim(), private: !isPublic.checked, token: token.value.trim(), message: message.value.trim(),
    };
    token.value = ""; // also where the request is refused
    act(() => call("POST", `exports/${id}/upload`, { body }));
  });
  return node;
}

/** @returns {HTMLInputElement} */
function input(attributes) {
  return /** @type {HTMLInputElement} */ (el("input", attributes));
}

function field(label, node, hint) {
  return el("label", { class: "field" }, el("span", {}, label), node, el("small", { class: "muted" }, hint));
}

root.replaceChildren(...(mayRun ? [form()] : []), problem, list);
draw(uploads);
