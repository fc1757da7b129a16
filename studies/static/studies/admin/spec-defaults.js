// Fills a parameter's default into a row in which nobody has typed a value yet.

const VALUE_FIELDS = ["constant", "low", "high", "step", "choices"];

/** The row or form that a field belongs to.
 * @param {Element} field @returns {Element} */
export function rowOf(field) {
  return field.closest(".form-group") ?? field.closest("form") ?? document.body;
}

/** @param {Element} row @param {string} name @returns {Element|null} `name` or `specs-0-name` */
export function fieldOf(row, name) {
  return row.querySelector(`[name="${name}"], [name$="-${name}"]`);
}

/** @param {Element} row @returns {string} everything that is typed as the row's value */
function typedIn(row) {
  const texts = VALUE_FIELDS.map((name) => fieldOf(row, name)?.value ?? "");
  return texts.some((text) => text.trim()) ? JSON.stringify(texts) : "";
}

/** Set a field as a person would, so that everybody who listens hears of it.
 * @param {Element|null} field @param {string|boolean} value */
function put(field, value) {
  const property = typeof value === "boolean" ? "checked" : "value";
  if (!field || field[property] === value) return;
  field[property] = value;
  for (const kind of ["input", "change"]) {
    field.dispatchEvent(new Event(kind, { bubbles: true }));
  }
}

/** The form fields that stand for a value as parameter files have it.
 * @param {unknown} raw @returns {Record<string, string|boolean>} */
function fieldsFor(raw) {
  const empty = { constant: "", low: "", high: "", step: "", choices: "", log: false };
  if (Array.isArray(raw)) return { ...empty, kind: "choices", choices: raw.join(", ") };
  if (typeof raw !== "object" || raw === null) {
    return { ...empty, kind: "constant", constant: String(raw) };
  }
  const { low, high, step = "", log = false, integer = false } = raw;
  const texts = { low: String(low), high: String(high), step: String(step) };
  return { ...empty, ...texts, log, kind: integer ? "integer" : "float" };
}

/** Fill in the default of the chosen parameter, for the row's component where that has its own;
 * what a person has typed stays.
 * @param {HTMLSelectElement} parameter the row's select */
export function prefill(parameter) {
  const row = rowOf(parameter);
  const typed = typedIn(row);
  if (typed && typed !== row.dataset.prefilled) return;
  const defaults = JSON.parse(parameter.selectedOptions[0]?.dataset.defaults ?? "null");
  if (!defaults) return;
  const component = fieldOf(row, "component");
  if (component && parameter.selectedOptions[0].dataset.perComponent === "no") put(component, "");
  const raw = defaults[component?.value.trim() ?? ""] ?? defaults[""];
  // The kind comes first: the theme shows the other fields by it.
  const { kind, ...fields } = fieldsFor(raw);
  const choice = fieldOf(row, "kind");
  for (const option of choice?.options ?? []) option.hidden = option.disabled = false;
  put(choice, kind);
  for (const [name, value] of Object.entries(fields)) put(fieldOf(row, name), value);
  row.dataset.prefilled = typedIn(row);
}
