// The trials that a large study's page came without, read in pages while it is looked at.

import { call } from "./api.js";

const AT_ONCE = 500; // trials; the most that the API gives
const PAUSE = 5000; // milliseconds until the next try, while the server is away

/**
 * @param {string} study its address below the API
 * @param {number} before every older trial has a smaller number
 * @param {{add: (trials: any[], isLast: boolean) => void}} store
 */
export async function readOlder(study, before, store) {
  for (let offset = 0, isLast = false; !isLast; offset += AT_ONCE) {
    const items = await patiently(`${study}/trials?brief=true&limit=${AT_ONCE}&offset=${offset}`);
    if (!items) return;
    isLast = items.length < AT_ONCE || items.at(-1).number >= before;
    store.add(items.filter((trial) => trial.number < before).map(withoutDetails), isLast);
  }
}

/** A brief answer has empty ones; the page reads them for the trial that is selected. */
function withoutDetails({ kernel, direction, details, ...trial }) {
  return trial;
}

async function patiently(path) {
  for (;;) {
    try {
      return (await call("GET", path)).items;
    } catch (error) {
      if (error.status === 401 || error.status === 404) return null; // the socket says so, too
      await new Promise((done) => window.setTimeout(done, PAUSE));
    }
  }
}
