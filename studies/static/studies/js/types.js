// The shapes that the server sends; selectors and events on the server are their source.

/**
 * @typedef {{name: string, value: number, display: string, direction: string,
 *   baseline: number|null, low: number|null, high: number|null}} Score
 * @typedef {{number: number, state: "complete"|"pruned"|"failed"|"interrupted",
 *   source: "sampled"|"enqueued"|"taken_over", origin: TrialRef|null, parameters: Object,
 *   kernel?: Object<string, number[]>, direction?: string, details?: Object<string, any>,
 *   scores: Score[], seconds: number, pareto: boolean, recommended: boolean, note: string, tags: string[], error: string,
 *   pruned: {stage: number, stages: number, reason: string}|null}} Trial
 * @typedef {{study: string, number: number}} TrialRef
 * @typedef {{id: number, parameters: Object, origin: TrialRef|null}} Waiting
 * @typedef {{name: string, direction: string, baseline: number|null,
 *   baseline_display: string|null}} Objective
 * @typedef {{phase?: string, label?: string, done?: number, total?: number, trial?: number|null,
 *   eta_seconds?: number|null, memory?: {ram_bytes?: number, gpu_bytes?: number},
 *   tokens_per_second?: number|null}} Progress
 * @typedef {{id: string, name: string, status: string, status_label: string, queue_place: number|null,
 *   n_trials: number, n_finished: number, n_pruned: number, n_failed: number, n_taken_over: number, waiting: Waiting[], event_count: number,
 *   error: {code: string, message: string, advice: string}|null, progress: Progress,
 *   objectives: Objective[], baseline: Score[], facts: Object, n_layers: number|null,
 *   remarks: string[], notes: string, tags: string[], recommended: number|null, actions: string[], seconds: number,
 *   front: Set<number>|null, is_partial: boolean,
 *   trials: Map<number, Trial>, current: {trial: number, parameters: Object}|null}} StudyState
 * @typedef {{scorer: string, prompt: string, response: string, matched: string[], cut?: boolean}} Response
 */

export {};
