// Numbers as people read them.

/** @param {number|null|undefined} value @returns {string} */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e6) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** @param {number|null|undefined} seconds @returns {string} */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** @param {number|null|undefined} count @returns {string} */
export function bytes(count) {
  if (!count) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(count) / 10), units.length - 1);
  const value = count / 2 ** (10 * power);
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** A parameter's value, which may be a number, a text, a range or a list of choices. */
export function value(raw) {
  if (typeof raw === "number") return number(raw);
  if (typeof raw === "boolean") return raw ? "yes" : "no";
  if (raw === null || raw === undefined) return "automatic";
  if (Array.isArray(raw)) return raw.map(value).join(" | ");
  if (typeof raw === "object" && "low" in raw) {
    const extras = [raw.log && "log", raw.integer && "whole", raw.step && `step ${raw.step}`];
    const end = extras.filter(Boolean).join(", ");
    return `${number(raw.low)} … ${number(raw.high)}${end ? ` (${end})` : ""}`;
  }
  if (typeof raw === "object") return JSON.stringify(raw);
  return String(raw) || "(empty)";
}

/** Flatten nested parameters into [name, value] pairs: `max_weight["mlp.down_proj"]`. */
export function flatParameters(parameters) {
  return Object.entries(parameters ?? {}).flatMap(([name, raw]) =>
    raw !== null && typeof raw === "object" && !Array.isArray(raw) && !("low" in raw)
      ? Object.entries(raw).map(([part, inner]) => [part ? `${name} · ${part}` : name, inner])
      : [[name, raw]],
  );
}
