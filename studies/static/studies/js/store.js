// The state of a study's page: the server's snapshot, then its numbered events on top.

/** @typedef {import("./types.js").StudyState} StudyState */

const LABELS = {
  draft: "Draft", queued: "Queued", running: "Running", stopping: "Stopping",
  stopped: "Stopped", completed: "Completed", failed: "Failed",
};
const ACTIONS = {
  draft: ["start"], queued: ["stop", "extend"], running: ["stop", "extend"], stopping: [],
  stopped: ["resume", "extend"], failed: ["resume"], completed: ["extend"],
};
export const ACTIVE = new Set(["queued", "running", "stopping"]);

/** What each kind of event changes. Applied in order, each number once. */
const REDUCERS = {
  status_changed(state, event) {
    state.status = event.status;
    state.status_label = LABELS[event.status] ?? event.status;
    state.actions = ACTIONS[event.status] ?? [];
    state.error = event.status === "failed" ? { code: "", message: event.reason, advice: "" } : null;
    state.reason = event.reason;
    state.queue_place = null;
    if (event.status !== "running" && event.status !== "stopping") state.current = null;
  },
  phase_changed(state, event) {
    state.progress = { ...state.progress, phase: event.phase, label: event.label, done: 0, total: 0 };
  },
  note(state, event) {
    if (!state.remarks.includes(event.text)) state.remarks = [...state.remarks, event.text];
  },
  model_loaded(state, { number, kind, at, ...facts }) {
    state.facts = { ...state.facts, ...facts };
    state.n_layers = facts.n_layers ?? state.n_layers;
  },
  baseline_scored(state, event) {
    state.baseline = event.scores;
    const optimised = event.scores.filter((s) => s.direction !== "none");
    state.objectives = optimised.map((score) => ({
      name: score.name,
      direction: score.direction,
      baseline: score.value,
      baseline_display: score.display,
    }));
  },
  trial_started(state, event) {
    state.current = { trial: event.trial, parameters: event.parameters };
  },
  trial_finished(state, event) {
    keepTrial(state, event.trial);
    state.recommended = event.recommended ?? null;
    state.front = new Set(event.front);
    for (const trial of state.trials.values()) placeOnFront(state, trial);
    state.n_finished = event.n_finished;
  },
  trial_pruned(state, event) {
    keepTrial(state, event.trial);
    Object.assign(state, { n_finished: event.n_finished, n_pruned: event.n_pruned });
  },
  trial_failed(state, event) {
    keepTrial(state, event.trial);
  },
  enqueued(state, event) {
    state.waiting = event.waiting;
  },
  extended(state, event) {
    state.n_trials = event.n_trials;
  },
  study_annotated(state, { name, notes, tags }) {
    Object.assign(state, { name, notes, tags });
  },
  trial_annotated(state, { trial: number, note, tags }) {
    const trial = state.trials.get(number);
    if (trial) state.trials.set(number, { ...trial, note, tags });
  },
};

function keepTrial(state, trial) {
  if (trial.state === "failed" && !state.trials.has(trial.number)) state.n_failed += 1;
  state.trials.set(trial.number, trial);
  if (state.current?.trial === trial.number) state.current = null;
}

/** Mark a trial as the newest event of a finished one says. */
function placeOnFront(state, trial) {
  const [pareto, recommended] = [state.front.has(trial.number), trial.number === state.recommended];
  if (trial.pareto !== pareto || trial.recommended !== recommended) {
    state.trials.set(trial.number, { ...trial, pareto, recommended });
  }
}

/**
 * @param {any} snapshot `study_state` as the page was rendered with
 * @param {import("./types.js").Trial[]} trials
 * @param {boolean} isPartial whether older ones are still to come
 */
export function createStore(snapshot, trials, isPartial) {
  /** @type {StudyState} */
  const state = {
    ...snapshot,
    current: null,
    front: null,
    is_partial: isPartial,
    trials: new Map(trials.map((trial) => [trial.number, trial])),
  };
  const listeners = new Set();
  const changed = (kind) => listeners.forEach((listener) => listener(state, kind));

  return {
    state,
    /** @param {(state: StudyState, kind: string) => void} listener */
    subscribe: (listener) => listeners.add(listener),

    /**
     * Apply a message of the socket.
     * @returns {boolean} false if an event is missing before this one
     */
    apply(message) {
      if (message.kind === "progress") {
        const { kind, n_trials, n_finished, ...progress } = message;
        state.progress = progress;
        changed("progress");
        return true;
      }
      if (!message.kind || message.number <= state.event_count) return true;
      if (message.number !== state.event_count + 1) return false;
      REDUCERS[message.kind]?.(state, message); // kinds of a newer server are skipped
      state.event_count = message.number;
      changed(message.kind);
      return true;
    },

    /**
     * Take trials that the page came without; what events have said meanwhile stays.
     * @param {import("./types.js").Trial[]} trials @param {boolean} isLast
     */
    add(trials, isLast) {
      for (const trial of trials.filter(({ number }) => !state.trials.has(number))) {
        state.trials.set(trial.number, trial);
        if (state.front) placeOnFront(state, trial);
      }
      state.is_partial = !isLast;
      changed("older");
    },

    /** Take what events do not carry: queue place, error with advice, times. */
    merge(fields) {
      Object.assign(state, fields);
      changed("merged");
    },
  };
}
