// Markdown as elements: a library reads it, we build the nodes; markup in it stays text, and
// nothing is loaded from anywhere.

import { lexer } from "../vendor/marked-18.2.1.esm.js";
import { el } from "./dom.js";

const SAFE_LINK = /^(https?:|mailto:)/i;
const DEEPEST = 20; // levels of lists and quotes; below, the text is shown as it is
const INLINE = { strong: "strong", em: "em", del: "del" };

/** @param {string} text @returns {DocumentFragment} */
export function markdown(text) {
  const made = document.createDocumentFragment();
  try {
    made.append(...blocks(lexer(text, { gfm: true, breaks: true }), 0));
  } catch {
    made.replaceChildren(el("p", { class: "answer-text" }, text)); // as it was written
  }
  return made;
}

/** @returns {Node[]} */
function blocks(tokens, depth) {
  if (depth > DEEPEST) return tokens.map((token) => document.createTextNode(token.raw));
  return tokens.map((token) => block(token, depth)).filter(Boolean);
}

function block(token, depth) {
  switch (token.type) {
    case "space": case "def": return null;
    case "heading": return el("p", { class: "md-heading" }, ...inline(token.tokens, depth));
    case "paragraph": return el("p", {}, ...inline(token.tokens, depth));
    case "code": return el("pre", {}, el("code", {}, token.text));
    case "blockquote": return el("blockquote", {}, ...blocks(token.tokens, depth + 1));
    case "hr": return el("hr");
    case "list": return list(token, depth);
    case "table": return table(token, depth);
    case "text": return el("span", {}, ...inline(token.tokens ?? [token], depth));
    default: return el("p", {}, token.raw); // raw HTML among others
  }
}

function list(token, depth) {
  const start = token.ordered && token.start !== 1 ? token.start : null;
  return el(token.ordered ? "ol" : "ul", { start }, ...token.items.map((item) =>
    el("li", {}, item.task && (item.checked ? "☑ " : "☐ "), ...blocks(item.tokens, depth + 1))));
}

function table(token, depth) {
  const row = (cells, tag) => el("tr", {}, ...cells.map((cell) =>
    el(tag, tag === "th" ? { scope: "col" } : {}, ...inline(cell.tokens, depth))));
  return el("div", { class: "scroll" }, el("table", { class: "table" },
    el("thead", {}, row(token.header, "th")),
    el("tbody", {}, ...token.rows.map((cells) => row(cells, "td")))));
}

/** @returns {Node[]} */
function inline(tokens, depth) {
  if (depth > DEEPEST) return tokens.map((token) => document.createTextNode(token.raw));
  return tokens.map((token) => inlinePart(token, depth + 1));
}

function inlinePart(token, depth) {
  const tag = INLINE[token.type];
  if (tag) return el(tag, {}, ...inline(token.tokens, depth));
  switch (token.type) {
    case "br": return el("br");
    case "codespan": return el("code", {}, token.text);
    case "link": return link(token, depth);
    case "escape": return document.createTextNode(token.text);
    case "text":
      return token.tokens
        ? el("span", {}, ...inline(token.tokens, depth)) : document.createTextNode(token.text);
    default: return document.createTextNode(token.raw); // images and raw HTML stay as written
  }
}

function link(token, depth) {
  if (!SAFE_LINK.test(token.href)) return document.createTextNode(token.raw);
  return el("a", {
    href: token.href, target: "_blank", rel: "noopener noreferrer nofollow", title: token.href,
  }, ...inline(token.tokens, depth));
}
