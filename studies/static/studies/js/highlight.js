// Finds markers in an answer the way the scorer does.

/**
 * Fold a text as the scorer does (lower case, no asterisks, straight apostrophes, single
 * spaces), and remember where each folded character came from.
 * @param {string} text
 * @returns {{folded: string, origin: number[]}}
 */
export function fold(text) {
  let folded = "";
  /** @type {number[]} */
  const origin = [];
  let at = 0;
  for (const character of text) {
    for (const unit of foldOne(character)) {
      if (unit === " " && folded.endsWith(" ")) continue;
      folded += unit;
      origin.push(at);
    }
    at += character.length;
  }
  return { folded, origin };
}

function foldOne(character) {
  if (character === "*") return "";
  if (character === "’") return "'";
  return /\s/.test(character) ? " " : character.toLowerCase();
}

/**
 * @param {string} text
 * @param {string[]} markers
 * @returns {[number, number][]} where they stand in `text`, in order, joined where they meet
 */
export function matches(text, markers) {
  const { folded, origin } = fold(text);
  /** @type {[number, number][]} */
  const found = [];
  for (const marker of markers.map((m) => fold(m).folded).filter(Boolean)) {
    let at = folded.indexOf(marker);
    while (at >= 0) {
      const last = origin[at + marker.length - 1];
      found.push([origin[at], last + (text.codePointAt(last) > 0xffff ? 2 : 1)]);
      at = folded.indexOf(marker, at + marker.length);
    }
  }
  found.sort((a, b) => a[0] - b[0]);
  return found.reduce((joined, [start, end]) => {
    const before = joined.at(-1);
    if (before && start <= before[1]) before[1] = Math.max(before[1], end);
    else joined.push([start, end]);
    return joined;
  }, /** @type {[number, number][]} */ ([]));
}
