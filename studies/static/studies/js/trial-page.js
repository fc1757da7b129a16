// The page of one trial: the same kernel chart and answers as on the study's page.

import { byId, readJson } from "./dom.js";
import { mountKernel } from "./kernel.js";
import { mountResponses } from "./responses.js";

const { study, number, kernel } = readJson("page-data");
const box = document.getElementById("kernel");
if (box) mountKernel(box)(kernel);
mountResponses(byId("responses"), study)(number);
