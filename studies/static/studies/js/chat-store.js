// The turns of a chat as the page knows them: the server's rows, kept up to date by its news.

/** @param {any} chat as the API shows it, or null for one that is yet to be made */
export function createChatStore(chat) {
  const turns = new Map((chat?.turns ?? []).map((turn) => [turn.number, turn]));
  const state = {
    id: chat?.id ?? null,
    turns,
    last: chat?.event_count ?? 0,
    progress: chat?.progress ?? {},
  };
  const listeners = new Set();
  const tell = () => listeners.forEach((listener) => listener(state));

  /** Text from a place on; counted in characters, not in JavaScript's half ones. */
  function extend(turn, columns) {
    const grown = { ...turn, columns: { ...turn.columns } };
    for (const [name, { at, text }] of Object.entries(columns)) {
      const kept = Array.from(turn.columns[name].text).slice(0, at).join("");
      grown.columns[name] = { ...turn.columns[name], text: kept + text };
    }
    return grown;
  }

  return {
    state,
    subscribe(listener) {
      listeners.add(listener);
    },
    /** Take a message of the socket; the pieces of finished answers are no longer numbered. */
    apply(message) {
      if (message.kind === "progress") {
        const { kind: _kind, ...progress } = message;
        state.progress = progress;
      } else if (message.number > state.last) {
        state.last = message.number;
        if (message.kind === "turn") turns.set(message.turn.number, message.turn);
        const turn = message.kind === "text" && turns.get(message.turn);
        if (turn) turns.set(turn.number, extend(turn, message.columns));
      }
      tell();
      return true;
    },
    /** Take a whole chat, unless the news know more already. */
    replace(fresh) {
      if (fresh.event_count < state.last) return;
      state.id = fresh.id;
      state.last = fresh.event_count;
      state.progress = fresh.progress;
      turns.clear();
      for (const turn of fresh.turns) turns.set(turn.number, turn);
      tell();
    },
  };
}

/** @returns {any} The turn that is waiting or being answered, if there is one. */
export function activeTurn(state) {
  return [...state.turns.values()].find((t) => ["queued", "running", "stopping"].includes(t.state));
}
