// Lets another study try the parameters of this page's trial.

import { call } from "./api.js";
import { byId, el, toggle } from "./dom.js";

/** @param {{study: string, number: number}} trial */
export function mountElsewhere(trial) {
  const form = document.getElementById("elsewhere-form");
  if (!form) return; // there is no other study
  const chosen = /** @type {HTMLSelectElement} */ (byId("elsewhere-study"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const { value, text } = chosen.selectedOptions[0];
    try {
      await call("POST", `studies/${value}/enqueue`, { body: { enqueue: [trial] } });
      say("It waits to be tried in ", el("a", { href: `/studies/${value}/` }, text), ".");
    } catch (error) {
      const faults = (error.errors ?? []).map((p) => `${p.place.replace(/^enqueue\[0\]\.?/, "")} ${p.message}`.trim());
      const problem = el("span", { class: "problem" }, faults.join("; ") || error.message);
      say(`${text} cannot try it: `, problem);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}

function say(...parts) {
  const answer = byId("elsewhere-answer");
  answer.replaceChildren(...parts);
  toggle(answer, true);
}
