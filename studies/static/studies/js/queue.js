// Cancels a job from the queue page, whose rows are replaced every few seconds.

import { call } from "./api.js";
import { byId, setText, toggle } from "./dom.js";

document.addEventListener("click", async (event) => {
  const clicked = /** @type {HTMLElement} */ (event.target);
  const button = /** @type {HTMLButtonElement|null} */ (clicked.closest("button[data-cancel]"));
  if (!button) return;
  button.disabled = true;
  const problem = byId("queue-problem");
  toggle(problem, false);
  try {
    await call("POST", `jobs/${button.dataset.cancel}/cancel`);
    setText(button, "Canceling");
  } catch (error) {
    setText(problem, error.message);
    toggle(problem, true);
    button.disabled = false;
  }
});
