// A user's webhooks and e-mail: add, switch, test, remove; and what came of the last messages.

import { call } from "./api.js";
import { byId, el, readJson, setText, toggle } from "./dom.js";

const PATH = "account/notifications";
const PAUSE = 2000; // ms between two looks while a message waits
const OCCASIONS = { on_finished: "Finished", on_failed: "Failed", on_new_best: "New best" };
const root = byId("targets");
const mayChange = root.dataset.readOnly === undefined;
const { targets, deliveries, email } = readJson("page-data");
const problem = el("div", { class: "callout error", role: "alert", hidden: true });
const secretBox = el("div", { class: "callout", role: "status", hidden: true });
const list = el("div", { class: "exports" });
let timer = 0;

async function act(work) {
  toggle(problem, false);
  root.setAttribute("aria-busy", "true");
  try {
    await work();
    draw(await call("GET", PATH));
    await look();
  } catch (error) {
    setText(problem, error.message);
    toggle(problem, true);
  } finally {
    root.removeAttribute("aria-busy");
  }
}

/** @param {any[]} rows as the API shows them */
function draw(rows) {
  list.replaceChildren(...rows.map(target));
  if (!rows.length) list.append(el("p", { class: "empty" }, "Nobody is told yet."));
}

function target(one) {
  const path = `${PATH}/${one.id}`;
  const name = one.kind === "email" ? `E-mail to ${one.address}` : one.url;
  const box = (key, label) => el("label", { class: "check" },
    el("input", {
      type: "checkbox", checked: one[key], disabled: !mayChange,
      onchange: (event) => change(path, key, event.target),
    }), ` ${label}`);
  const button = (label, work) => el("button", {
    type: "button", class: "button small", "aria-label": `${label}: ${name}`, onclick: () => act(work),
  }, label);
  return el("article", { class: "export" },
    el("div", { class: "export-head" },
      el("h3", {}, name),
      el("span", { class: "push controls" }, ...(mayChange ? [
        button("Send a test", () => call("POST", `${path}/test`)),
        button("Remove", () => call("DELETE", path)),
      ] : []))),
    el("div", { class: "controls" },
      ...Object.entries(OCCASIONS).map(([key, label]) => box(key, label)), box("is_active", "Switched on")));
}

/** A box shows its new state already: nothing is drawn anew under the pointer. */
async function change(path, key, box) {
  toggle(problem, false);
  try {
    await call("PATCH", path, { body: { [key]: box.checked } });
  } catch (error) {
    box.checked = !box.checked;
    setText(problem, error.message);
    toggle(problem, true);
  }
}

function form() {
  const url = /** @type {HTMLInputElement} */ (
    el("input", { type: "url", name: "url", required: true, maxlength: 500, placeholder: "https://…" }));
  const node = el("form", { class: "inline-form webhook" },
    el("label", {}, el("span", { class: "hidden-label" }, "Address of a webhook"), url),
    el("button", { type: "submit", class: "button primary" }, "Add the webhook"));
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    act(async () => {
      const made = await call("POST", PATH, { body: { kind: "webhook", url: url.value.trim() } });
      url.value = "";
      secretBox.replaceChildren(
        el("p", {}, "The secret that signs its calls. It is shown this once:"), el("code", {}, made.secret));
      toggle(secretBox, true);
    });
  });
  const mail = email && el("button", {
    type: "button", class: "button", onclick: () => act(() => call("POST", PATH, { body: { kind: "email" } })),
  }, `Add e-mail to ${email}`);
  return el("div", { class: "controls" }, node, mail);
}

async function look() {
  clearTimeout(timer);
  try {
    drawDeliveries(await call("GET", `${PATH}/deliveries`));
  } catch {
    timer = window.setTimeout(look, PAUSE * 4); // the server is away; it comes back
  }
}

function drawDeliveries(rows) {
  const titles = ["When", "What", "To", "State", "Result"];
  byId("deliveries").replaceChildren(rows.length ? el("div", { class: "scroll", tabindex: 0 },
    el("table", { class: "table compact" },
      el("thead", {}, el("tr", {}, ...titles.map((title) => el("th", { scope: "col" }, title)))),
      el("tbody", {}, ...rows.map(delivery)))) : el("p", { class: "empty" }, "Nothing was sent yet."));
  if (rows.some((one) => one.status === "waiting")) timer = window.setTimeout(look, PAUSE);
}

function delivery(one) {
  const what = one.study ? `${one.event.replace("_", " ")}: ${one.study}` : one.event;
  const state = one.attempts > 1 ? `${one.status}, try ${one.attempts}` : one.status;
  const cells = [one.created_at.slice(0, 16).replace("T", " "), what, one.target, state, one.result];
  return el("tr", {}, ...cells.map((text) => el("td", {}, text)));
}

root.replaceChildren(...(mayChange ? [form()] : []), problem, secretBox, list);
draw(targets);
drawDeliveries(deliveries);
