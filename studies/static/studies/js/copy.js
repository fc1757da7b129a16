// A button that copies a text, also where the browser has no clipboard (plain HTTP).

import { el, setText } from "./dom.js";

const SAID = 1500; // milliseconds that "copied" stands there

/**
 * @param {() => string} text
 * @param {string} label
 * @param {string} [named] what it copies, for those who hear the page
 */
export function copyButton(text, label, named = "") {
  const button = el("button", {
    type: "button", class: "button small quiet", "aria-label": named || null,
    onclick: async () => {
      setText(button, (await copied(text())) ? "Copied" : "Could not copy");
      setTimeout(() => setText(button, label), SAID);
    },
  }, label);
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text); // no permission, or no secure context
  }
}

function copiedBySelection(text) {
  const area = el("textarea", { class: "hidden-label", readonly: true });
  const before = document.activeElement;
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
