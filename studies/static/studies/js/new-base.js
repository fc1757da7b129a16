// What a new study starts from: a preset and a model, or another study as it was frozen.

import { call } from "./api.js";
import { byId, setText } from "./dom.js";

/**
 * @typedef {{method: () => string, onChange: (changed: () => void) => void,
 *   resolve: (own: Object, signal: AbortSignal) => Promise<any>,
 *   create: (body: Object, headers: Object<string, string>) => Promise<any>}} Base
 */

/** @param {any[]} profiles @returns {Base} */
export function presetBase(profiles) {
  const profile = /** @type {HTMLSelectElement} */ (byId("profile"));
  const model = /** @type {HTMLInputElement} */ (byId("model"));
  let suggested = "";
  const chosen = () => profiles.find((p) => p.slug === profile.value);

  function describe() {
    const { description, model: usual } = chosen();
    setText(byId("profile-description"), description);
    if (!model.value || model.value === suggested) model.value = usual;
    suggested = usual;
  }
  describe();
  return {
    method: () => chosen().method,
    onChange(changed) {
      profile.addEventListener("change", () => {
        describe();
        changed();
      });
      model.addEventListener("input", changed);
    },
    resolve: (own, signal) => call("POST", `profiles/${encodeURIComponent(profile.value)}/resolve`,
      { body: { model: model.value.trim(), ...own }, signal }),
    create: (body, headers) => call("POST", "studies",
      { body: { model: model.value.trim(), profile: profile.value, ...body }, headers }),
  };
}

/** @param {{id: string, method: string}} study @returns {Base} */
export function forkBase({ id, method }) {
  return {
    method: () => method,
    onChange: () => {},
    resolve: (own, signal) => call("POST", `studies/${id}/fork/preview`, { body: own, signal }),
    create: (body, headers) => call("POST", `studies/${id}/fork`, { body, headers }),
  };
}
