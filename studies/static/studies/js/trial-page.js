// The page of one trial: the same kernel chart and answers as on the study's page.

import { byId, readJson } from "./dom.js";
import { mountElsewhere } from "./elsewhere.js";
import { mountExports } from "./exports.js";
import { mountKernel } from "./kernel.js";
import { mountResponses } from "./responses.js";

const data = readJson("page-data");
const { study, number, kernel } = data;
const box = document.getElementById("kernel");
if (box) mountKernel(box)(kernel);
mountExports(byId("exports"), data);
mountResponses(byId("responses"), study)(number);
mountElsewhere({ study, number });
