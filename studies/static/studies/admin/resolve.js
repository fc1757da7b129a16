// The table "What this resolves to" for a typed model, without reloading the page.
// Without this module the form reloads the page and shows the same table.

const section = document.getElementById("resolved");
const form = section?.querySelector("form");
const tables = section?.querySelector(".resolved-tables");

/** @param {string} model */
async function show(model) {
  const query = new URLSearchParams({ model });
  section.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(`${section.dataset.url}?${query}`, {
      headers: { Accept: "text/html" },
    });
    if (!response.ok || response.redirected) throw new Error(`${response.status}`);
    tables.innerHTML = await response.text();
    const page = new URL(window.location.href);
    page.searchParams.set("model", model);
    window.history.replaceState(null, "", page);
  } catch {
    HTMLFormElement.prototype.submit.call(form); // a full reload shows what is wrong
  } finally {
    section.removeAttribute("aria-busy");
  }
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  show(new FormData(form).get("model")?.toString() ?? "");
});
