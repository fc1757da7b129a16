// The table "What this resolves to": follows the typed model and the unsaved form, without a
// reload. Without this module the form reloads the page and shows the table as saved.

const PAUSE = 400; // milliseconds without typing
const SAVED = "As saved: the value of each parameter and setting, and which layer decided it.";
const UNSAVED = "As the form stands, not saved yet: what saving it would give.";

const section = document.getElementById("resolved");
const search = section?.querySelector("form");
const tables = section?.querySelector(".resolved-tables");
const state = document.getElementById("resolved-state");
const edited = document.getElementById(section?.dataset.form ?? "");

let isEdited = false;
let timer = 0;
let newest = 0;

/** The form's fields, or null as long as it is as saved or is only shown. */
function unsaved() {
  return isEdited && edited instanceof HTMLFormElement ? new FormData(edited) : null;
}

/** @param {string} model @param {FormData|null} data @returns {Promise<Node[]>} the new tables */
async function read(model, data) {
  const query = new URLSearchParams({ model });
  const response = await fetch(`${section.dataset.url}?${query}`, {
    method: data ? "POST" : "GET",
    body: data,
    headers: { Accept: "text/html" },
  });
  if (!response.ok || response.redirected) throw new Error(`${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return [...page.body.childNodes];
}

async function show() {
  const number = ++newest;
  const data = unsaved();
  const model = new FormData(search).get("model")?.toString() ?? "";
  section.setAttribute("aria-busy", "true");
  try {
    const parts = await read(model, data);
    if (number !== newest) return; // a later question is on its way
    tables.replaceChildren(...parts);
    state.textContent = data ? UNSAVED : SAVED;
    const page = new URL(window.location.href);
    page.searchParams.set("model", model);
    window.history.replaceState(null, "", page);
  } catch {
    if (number === newest) state.textContent = "The table cannot be read now; it is as it was.";
  } finally {
    if (number === newest) section.removeAttribute("aria-busy");
  }
}

function showSoon() {
  window.clearTimeout(timer);
  timer = window.setTimeout(show, PAUSE);
}

function formChanged() {
  isEdited = true;
  showSoon();
}

search?.addEventListener("submit", (event) => {
  event.preventDefault();
  window.clearTimeout(timer);
  show();
});
search?.addEventListener("input", showSoon);
if (section && edited?.querySelector("[name='method'], [name='specs-TOTAL_FORMS']")) {
  edited.addEventListener("input", formChanged);
  edited.addEventListener("change", formChanged);
  // The theme reports added and removed rows on the document.
  document.addEventListener("formset:added", showSoon);
  document.addEventListener("formset:removed", formChanged);
}
