// Why a trial ended before all scorers had run, in words.

/** @param {import("./types.js").Trial} trial @returns {string} empty if it was not pruned */
export function prunedText(trial) {
  if (!trial.pruned) return "";
  const { stage, stages, reason } = trial.pruned;
  return `Pruned behind stage ${stage} of ${stages}: ${reason}`;
}
