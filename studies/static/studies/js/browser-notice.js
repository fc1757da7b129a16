// Notifications of this browser, if its user allows them: a study's end, and new best values.

import { bestTrial, completeTrials } from "./derived.js";

const ENDS = { completed: "Finished", failed: "Failed" };

/**
 * @param {HTMLButtonElement} button asks for permission; hidden where there is nothing to ask
 * @param {any} state of the study as the page begins with it
 */
export function mountBrowserNotice(button, state) {
  const known = typeof Notification !== "undefined";
  const shown = () => { button.hidden = !known || Notification.permission !== "default"; };
  button.addEventListener("click", async () => {
    await Notification.requestPermission();
    shown();
  });
  shown();
  let best = bestOf(state);

  function tell(title, current) {
    if (!known || Notification.permission !== "granted") return;
    try {
      new Notification(`${title}: ${current.name}`, { tag: `${current.id}-${title}`, icon: "/static/studies/icon.svg" });
    } catch {
      // Some phones allow them to service workers only.
    }
  }

  /** To be called with each event of the study. */
  return (current, kind) => {
    if (kind === "status_changed" && ENDS[current.status]) tell(ENDS[current.status], current);
    if (kind !== "trial_finished") return;
    const now = bestOf(current);
    const bettered = Object.keys(now).some((name) => best[name] !== undefined && now[name] !== best[name]);
    if (bettered) tell("New best", current);
    best = now;
  };
}

/** The best value by objective. */
function bestOf(state) {
  const trials = completeTrials(state.trials);
  return Object.fromEntries(state.objectives.map((objective) =>
    [objective.name, bestTrial(trials, objective)?.value]));
}
