// Brings each problem of the server to the part of the form that its place names.

/**
 * @param {{place: string, message: string}[]} problems
 * `take` removes what lies at or below one of the prefixes and returns it, places cut short;
 * `rest` says what nobody took.
 */
export function distribute(problems) {
  const left = new Set(problems);
  const take = (...prefixes) => problems.flatMap((problem) => {
    const prefix = prefixes.find((p) => problem.place === p || isBelow(problem.place, p));
    if (prefix === undefined || !left.delete(problem)) return [];
    return [{ place: problem.place.slice(prefix.length), message: problem.message }];
  });
  const rest = () => [...left].map((p) => (p.place ? `${p.place}: ${p.message}` : p.message));
  return { take, rest };
}

function isBelow(place, prefix) {
  return place.startsWith(prefix) && /^[.[]/.test(place.slice(prefix.length));
}
