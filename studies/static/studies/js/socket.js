// Keeps one WebSocket open: reconnects with back-off and goes on after the last event.

const FIRST_WAIT = 500; // milliseconds
const LONGEST_WAIT = 15000;

/** Close codes after which trying again makes no sense, and what to tell the user. */
const FINAL = {
  4400: "The live connection was closed because of unexpected messages. Reload the page.",
  4401: "You are logged out. Log in again to see live updates.",
  4404: "What this page shows is no longer available to you.",
};

/**
 * @param {{path: string, after: () => number, onMessage: (message: any) => boolean,
 *   onState: (state: "live"|"offline"|"ended", text: string) => void,
 *   onFailure?: () => Promise<void>}} options
 *   `onMessage` returns false when an event is missing: then the socket starts over.
 */
export function keepConnected({ path, after, onMessage, onState, onFailure }) {
  let wait = FIRST_WAIT;
  let timer = 0;
  /** @type {WebSocket|null} */
  let socket = null;

  function open() {
    clearTimeout(timer);
    timer = 0;
    const url = new URL(path, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("after", String(after()));
    const mine = new WebSocket(url);
    socket = mine;
    mine.addEventListener("message", ({ data }) => {
      if (mine !== socket) return;
      wait = FIRST_WAIT;
      onState("live", "");
      if (!onMessage(JSON.parse(data))) mine.close(1000);
    });
    mine.addEventListener("open", () => onState("live", ""));
    mine.addEventListener("close", ({ code }) => {
      if (mine !== socket) return;
      socket = null;
      if (FINAL[code]) onState("ended", FINAL[code]);
      else retry();
    });
  }

  function retry() {
    onState("offline", "Live updates are interrupted. Trying to connect again …");
    onFailure?.();
    timer = window.setTimeout(open, wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }

  /** The network or the tab is back: do not wait for the timer. */
  function hurry() {
    if (socket || !timer) return;
    wait = FIRST_WAIT;
    open();
  }

  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) hurry();
  });
  open();
}
