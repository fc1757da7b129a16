// The page of a chat: what is typed goes to the API, what comes back to the rows and the socket.

import { call } from "./api.js";
import { mountComposer, mountSettings } from "./chat-form.js";
import { activeTurn, createChatStore } from "./chat-store.js";
import { mountTurns } from "./chat-turns.js";
import { byId, el, readJson, setText, throttled, toggle } from "./dom.js";
import { keepConnected } from "./socket.js";

const DRAW_EVERY = 60; // milliseconds
const LOOK_EVERY = 4000; // milliseconds; places in the queue and lost workers are no news

const data = readJson("page-data");
const canAsk = data.may_ask && data.complete;
const page = `/studies/${data.study}/trials/${data.number}/chat/`;
const store = createChatStore(data.chat);
let chats = data.chats;

const readSettings = mountSettings(data.chat?.settings ?? data.settings, {
  disabled: !canAsk, onChange: () => draw(),
});
const composer = canAsk ? mountComposer(byId("composer"), { onSend: send, onStop: stop }) : null;
const drawTurns = mountTurns(byId("turns"), {
  suggestions: data.suggestions, canAsk, onSuggest: send, onAgain: () => ask({ again: true }),
});
const draw = throttled(() => {
  drawTurns(store.state, readSettings().strength);
  composer?.draw(activeTurn(store.state));
}, DRAW_EVERY);

async function send(text) {
  return ask({ message: text });
}

/** Ask, and make the chat first if there is none; true if the question was taken. */
async function ask(question) {
  composer?.tell("");
  try {
    const settings = readSettings();
    if (!store.state.id) await begin(settings);
    await call("POST", `chats/${store.state.id}/turns`, { body: { ...question, ...settings } });
    await look();
    return true;
  } catch (error) {
    composer?.tell(error.message);
    return false;
  }
}

async function begin(settings) {
  const made = await call("POST", `studies/${data.study}/trials/${data.number}/chats`, { body: settings });
  store.replace(made);
  history.replaceState(null, "", `${page}?chat=${made.id}`);
  connect();
}

async function stop() {
  try {
    store.replace(await call("POST", `chats/${store.state.id}/stop`));
  } catch (error) {
    if (error.status !== 409) composer?.tell(error.message); // 409: it has just ended
  }
}

/** The rows as they are now: places in the queue, errors of lost workers, titles. */
async function look() {
  if (!store.state.id) return;
  const fresh = await call("GET", `chats/${store.state.id}`);
  store.replace(fresh);
  chats = [fresh, ...chats.filter((one) => one.id !== fresh.id)];
  drawChats();
}

async function remove(one) {
  try {
    await call("DELETE", `chats/${one.id}`);
  } catch (error) {
    composer?.tell(error.message);
    return;
  }
  if (one.id === store.state.id) {
    location.assign(page);
    return;
  }
  chats = chats.filter((other) => other.id !== one.id);
  drawChats();
}

function drawChats() {
  const rows = chats.map((one) => el("li", {},
    el("a", {
      href: `${page}?chat=${one.id}`, "aria-current": one.id === store.state.id ? "page" : null,
    }, one.title || "Nothing asked yet"),
    data.may_ask && el("button", {
      type: "button", class: "link-button", "aria-label": `Delete the chat “${one.title}”`, onclick: () => remove(one),
    }, "Delete")));
  byId("chats").replaceChildren(
    rows.length ? el("ul", { class: "chat-list" }, ...rows) : el("p", { class: "empty" }, "None yet."),
    store.state.id && canAsk ? el("a", { class: "button small", href: page }, "New chat") : "");
}

function connect() {
  keepConnected({
    path: `/ws/chats/${store.state.id}/`,
    after: () => store.state.last,
    onMessage: (message) => store.apply(message),
    onState: (state, text) => {
      const banner = byId("connection");
      setText(banner, text);
      toggle(banner, state !== "live");
      document.body.dataset.connection = state;
    },
    onFailure: () => look().catch(() => {}), // the socket keeps trying
  });
}

store.subscribe(draw);
setInterval(() => {
  if (activeTurn(store.state) && !document.hidden) look().catch(() => {});
}, LOOK_EVERY);
if (!data.complete) {
  byId("composer").replaceChildren(el("p", { class: "callout" }, "This trial has no result that one could talk to."));
}
if (store.state.id) connect();
drawChats();
draw();
