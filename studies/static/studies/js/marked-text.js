// An answer with the markers that a scorer found, and the words that differ from another answer.

import { el } from "./dom.js";
import { matches } from "./highlight.js";

/** @typedef {{changed: boolean, text: string}} Piece pieces joined are the text */

/**
 * @param {Piece[]} pieces
 * @param {string[]} markers
 * @param {"ins"|"del"} tag of what differs
 * @returns {Node[]} markup in the text stays text
 */
export function markedText(pieces, markers, tag) {
  const text = pieces.map((piece) => piece.text).join("");
  /** @type {Node[]} */
  const nodes = [];
  let at = 0;
  for (const [start, end] of matches(text, markers)) {
    nodes.push(...cut(pieces, at, start, tag), el("mark", {}, ...cut(pieces, start, end, tag)));
    at = end;
  }
  return [...nodes, ...cut(pieces, at, text.length, tag)];
}

/** The part of the text between two places, what differs in an element of its own. */
function cut(pieces, start, end, tag) {
  const nodes = [];
  let at = 0;
  for (const { changed, text } of pieces) {
    const part = text.slice(Math.max(0, start - at), Math.max(0, end - at));
    if (part) nodes.push(changed ? el(tag, {}, part) : document.createTextNode(part));
    at += text.length;
  }
  return nodes;
}
