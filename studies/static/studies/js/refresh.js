// Reads the page again every few seconds and puts its fresh part in place of the old one.

const PART = "refreshed";

async function refresh() {
  const old = document.getElementById(PART);
  const seconds = Number(old?.dataset.refresh);
  if (!old || !seconds) return;
  if (!document.hidden) await replace(old);
  setTimeout(refresh, seconds * 1000);
}

async function replace(old) {
  let answer;
  try {
    answer = await fetch(location.href, { credentials: "same-origin" });
  } catch {
    return; // the server is away; the next try comes by itself
  }
  if (answer.redirected) {
    location.reload(); // logged out
    return;
  }
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(PART);
  if (!fresh) return;
  const focused = old.contains(document.activeElement) ? document.activeElement?.id : "";
  const ticked = [...old.querySelectorAll("input:checked")].map((box) => box.id);
  old.replaceWith(document.adoptNode(fresh));
  for (const id of ticked) {
    const box = document.getElementById(id);
    if (box instanceof HTMLInputElement) box.checked = true;
  }
  if (focused) document.getElementById(focused)?.focus();
}

setTimeout(refresh, 2000);
