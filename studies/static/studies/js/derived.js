// What a page works out from trials: values, best so far, order.

/** @typedef {import("./types.js").Trial} Trial */
/** @typedef {import("./types.js").Objective} Objective */

/** @param {Trial} trial @param {string} name @returns {number|null} */
export function scoreValue(trial, name) {
  const value = trial.scores?.find((score) => score.name === name)?.value;
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** @param {Map<number, Trial>} trials @returns {Trial[]} those with scores, in order */
export function completeTrials(trials) {
  return [...trials.values()]
    .filter((trial) => trial.state === "complete")
    .sort((a, b) => a.number - b.number);
}

/** @param {Objective} objective */
export function better(objective) {
  return objective.direction === "maximize" ? (a, b) => a > b : (a, b) => a < b;
}

/**
 * @param {Trial[]} trials complete ones, in order
 * @param {Objective} objective
 * @returns {{x: number, y: number}[]} the best value up to each trial
 */
export function bestSoFar(trials, objective) {
  const isBetter = better(objective);
  let best = null;
  const line = [];
  for (const trial of trials) {
    const value = scoreValue(trial, objective.name);
    if (value === null) continue;
    if (best === null || isBetter(value, best)) best = value;
    line.push({ x: trial.number, y: best });
  }
  return line;
}

/** @returns {{trial: Trial, value: number, display: string}|null} */
export function bestTrial(trials, objective) {
  const isBetter = better(objective);
  let found = null;
  for (const trial of trials) {
    const value = scoreValue(trial, objective.name);
    if (value === null || (found && !isBetter(value, found.value))) continue;
    const score = trial.scores.find((s) => s.name === objective.name);
    found = { trial, value, display: score?.display ?? String(value) };
  }
  return found;
}

/** The front's trials, best first objective first. */
export function frontOrder(trials, objectives) {
  const front = trials.filter((trial) => trial.pareto);
  const keys = objectives.map((o) => ({ name: o.name, sign: o.direction === "maximize" ? -1 : 1 }));
  return front.sort((a, b) => {
    for (const { name, sign } of keys) {
      const order = sign * ((scoreValue(a, name) ?? Infinity) - (scoreValue(b, name) ?? Infinity));
      if (order) return order;
    }
    return a.number - b.number;
  });
}

/** @param {Trial} trial @param {string} name @returns {[number, number]|null} its 95 % interval */
export function scoreInterval(trial, name) {
  const { low, high } = trial.scores?.find((score) => score.name === name) ?? {};
  return Number.isFinite(low) && Number.isFinite(high) ? [low, high] : null;
}

/** Names of all scores, the optimised ones first. */
export function scoreNames(state) {
  const names = state.objectives.map((o) => o.name);
  for (const score of state.baseline ?? []) if (!names.includes(score.name)) names.push(score.name);
  for (const trial of state.trials.values()) {
    if (!trial.scores?.length) continue;
    for (const score of trial.scores) if (!names.includes(score.name)) names.push(score.name);
    break;
  }
  return names;
}
