// One export: its state, what was verified, its files, and what can be done with it.

import { el } from "./dom.js";
import { bytes, duration, number } from "./format.js";

const TITLES = { merge: "Merged model", adapter: "LoRA adapter", gguf: "GGUF file" };

/**
 * @param {any} one as the API shows it
 * @param {Object<string, (one: any) => void>|null} actions null for those who may only look
 * @param {Set<string>} open ids of the details that are open
 * @returns {HTMLElement}
 */
export function exportRow(one, actions, open) {
  const status = one.job.stopping ? "stopping" : one.status;
  const title = one.job.kind === "reproduce" ? `${TITLES[one.strategy]}, built again` : TITLES[one.strategy];
  return el("article", { class: "export", id: `export-${one.id}` },
    el("div", { class: "export-head" },
      el("h3", {}, title),
      el("span", { class: "status", dataset: { status: status === "ready" ? "done" : status } },
        status[0].toUpperCase() + status.slice(1)),
      el("span", { class: "muted num" }, summary(one)),
      el("span", { class: "push controls" },
        one.status === "ready" && el("a", { class: "button small", href: `/exports/${one.id}/` }, "Card and upload"),
        ...buttons(one, actions))),
    one.job.progress.label && progress(one.job.progress),
    one.job.error && el("div", { class: "callout error" }, `${one.job.error} ${one.job.error_advice}`),
    ...(one.manifest ? details(one, open) : []));
}

function summary(one) {
  const parts = [one.options.dtype !== "auto" && one.options.dtype];
  if (one.manifest) parts.push(bytes(one.size));
  const adapter = one.manifest?.adapter;
  if (adapter) {
    parts.push(`rank ${adapter.rank}`, adapter.is_exact
      ? "exact" : `leaves out ${number(100 * adapter.error)} % of the change`);
  }
  return parts.filter(Boolean).join(" · ");
}

/** How far a job is, in words and as a bar. */
export function progress({ label, done, total, eta_seconds: left }) {
  const bar = total > 0
    ? el("progress", { max: total, value: done, "aria-label": label })
    : el("progress", { "aria-label": label });
  return el("div", { class: "export-progress" }, bar,
    el("span", { class: "muted num" }, left ? `${label} · ${duration(left)} left` : label));
}

function buttons(one, actions) {
  if (!actions) return [];
  const button = (name, label) => el("button", {
    type: "button", class: "button small", id: `${name}-${one.id}`, onclick: () => actions[name](one),
  }, label);
  if (one.status === "queued" || one.status === "running") {
    return one.job.stopping ? [] : [button("cancel", "Cancel")];
  }
  const again = one.status === "ready" && one.job.kind === "export";
  return [again && button("reproduce", "Build again and compare"), button("remove", "Delete")].filter(Boolean);
}

function details(one, open) {
  const { verification, reproduction, files } = one.manifest;
  const id = `files-${one.id}`;
  return [
    verified(verification),
    reproduction && reproduced(reproduction),
    el("details", { id, open: open.has(id) },
      el("summary", {}, `${files.length} files`),
      el("div", { class: "scroll" }, fileTable(one.id, files))),
  ].filter(Boolean);
}

function verified({ equal, scores }) {
  const told = scores.map((s) => `${s.name} ${number(s.export)} (trial ${number(s.trial)})`).join(", ");
  const what = equal ? "Reloaded; its scores agree with the trial's" : "Reloaded; its scores differ from the trial's";
  return el("p", { class: "muted" }, told ? `${what}: ${told}.` : `${what}.`);
}

function reproduced({ equal, same_original: same, files, differences }) {
  const differing = files.filter((f) => !f.equal).map((f) => f.path);
  const words = equal
    ? "Every weights file has the hash of the first one."
    : `These files have another hash than the first ones: ${differing.join(", ") || "none was named"}.`;
  return el("div", { class: equal ? "callout" : "callout error" },
    el("p", {}, same ? words : `${words} The original model's weights are not the same either.`),
    differences.length > 0 && el("ul", { class: "plain" }, ...differences.map((d) =>
      el("li", {}, `${d.what}: ${d.then}, now ${d.now} (${d.severity} severity)`))));
}

function fileTable(exportId, files) {
  const rows = files.map((file) => el("tr", {},
    el("th", { scope: "row" }, el("a", {
      href: `/api/v1/exports/${exportId}/files/${file.path.split("/").map(encodeURIComponent).join("/")}`,
      download: "",
    }, file.path)),
    el("td", { class: "num" }, bytes(file.size)),
    el("td", { class: "num muted" }, el("code", { title: file.sha256 }, file.sha256.slice(0, 16)))));
  const titles = ["File", "Size", "SHA-256"];
  return el("table", { class: "table compact" },
    el("thead", {}, el("tr", {}, ...titles.map((t) => el("th", { scope: "col" }, t)))),
    el("tbody", {}, ...rows));
}
