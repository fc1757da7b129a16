// The page of one trial: its kernel, its note, its answers; the front's news move its marks.

import { mountAnnotation } from "./annotation.js";
import { mountAnswers } from "./answers.js";
import { call } from "./api.js";
import { mountBenchmarks } from "./benchmarks.js";
import { copyButton } from "./copy.js";
import { byId, readJson, setText, toggle } from "./dom.js";
import { mountElsewhere } from "./elsewhere.js";
import { mountExports } from "./exports.js";
import { mountKernel } from "./kernel.js";
import { keepConnected } from "./socket.js";

const data = readJson("page-data");
const { study, number, kernel, parameters, note, tags, event_count } = data;
const box = document.getElementById("kernel");
if (box) mountKernel(box)(kernel);
mountExports(byId("exports"), data);
mountBenchmarks(byId("benchmarks"), data);
mountElsewhere({ study, number });
mountAnswers(byId("responses"), study, { keyboard: true })(number);
byId("copy-parameters").append(
  copyButton(() => JSON.stringify(parameters, null, 2), "Copy as JSON", "Copy as JSON: the parameters"));

const drawAnnotation = mountAnnotation(byId("trial-annotation"), {
  kind: "trial",
  save: (body) => call("PATCH", `studies/${study}/trials/${number}`, { body }),
});
drawAnnotation(number, { notes: note, tags });

let lastEvent = event_count;
keepConnected({
  path: `/ws/studies/${study}/`,
  after: () => lastEvent,
  onMessage(message) {
    if (!message.number || message.number <= lastEvent) return true;
    if (message.number !== lastEvent + 1) return false;
    lastEvent = message.number;
    if (message.kind === "trial_finished") {
      toggle(byId("pill-front"), message.front.includes(number));
      toggle(byId("pill-recommended"), message.recommended === number);
    }
    if (message.kind === "trial_annotated" && message.trial === number) {
      drawAnnotation(number, { notes: message.note, tags: message.tags });
    }
    return true;
  },
  onState(state, text) {
    const banner = byId("connection");
    setText(banner, text);
    toggle(banner, state !== "live");
    document.body.dataset.connection = state;
  },
});
