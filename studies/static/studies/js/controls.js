// The buttons that act on a study; what cannot be done now is not shown.

import { call } from "./api.js";
import { byId, setText, toggle } from "./dom.js";

/**
 * @param {string} studyId
 * @param {ReturnType<typeof import("./store.js").createStore>} store
 */
export function mountControls(studyId, store) {
  const root = byId("controls");
  const problem = byId("control-problem");
  const form = /** @type {HTMLFormElement} */ (byId("extend-form"));
  const count = /** @type {HTMLInputElement} */ (byId("extend-count"));
  let busy = false;

  async function act(action, body) {
    if (busy) return;
    busy = true;
    root.setAttribute("aria-busy", "true");
    toggle(problem, false);
    try {
      const answer = await call("POST", `studies/${studyId}/${action}`, { body });
      // The events say the same; this only spares the wait for them.
      const { status, status_label, actions, n_trials, queue_place, error } = answer;
      store.merge({ status, status_label, actions, n_trials, queue_place, error });
    } catch (error) {
      setText(problem, error.message);
      toggle(problem, true);
    } finally {
      busy = false;
      root.removeAttribute("aria-busy");
    }
  }

  for (const button of root.querySelectorAll("button[data-action]")) {
    button.addEventListener("click", () => act(button.dataset.action));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = Number(count.value);
    act("extend", { n_trials: Number.isInteger(typed) && count.value.trim() ? typed : count.value });
  });

  return (state) => {
    for (const part of root.querySelectorAll("[data-action]")) {
      toggle(part, state.actions.includes(part.dataset.action));
    }
  };
}
