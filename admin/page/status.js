"use strict";
// The server makes the whole page each time; this only puts the parts that have changed into the one that is open.
(() => {
  const live = document.getElementById("live");
  const every = 1000, patience = 5000;
  let since = Date.now();

  const say = (text, tone) => {
    if (live.textContent !== text) live.textContent = text;
    live.className = tone;
  };

  // What a reader has opened stays open, and text that is being selected stays where it is.
  const put = (old, fresh) => {
    if (old.outerHTML === fresh.outerHTML) return;
    const selection = document.getSelection();
    if (selection && !selection.isCollapsed && old.contains(selection.anchorNode)) return;
    for (const open of old.querySelectorAll("details[open]")) {
      const same = fresh.querySelector(`details[data-key="${CSS.escape(open.dataset.key)}"]`);
      if (same) same.open = true;
    }
    if (old.outerHTML === fresh.outerHTML) return;
    const scrolled = [...old.querySelectorAll(".wide, pre")].map((box) => box.scrollLeft);
    const focused = [...old.querySelectorAll("summary, pre")].indexOf(document.activeElement);
    old.replaceWith(fresh);
    [...fresh.querySelectorAll(".wide, pre")].forEach((box, i) => { box.scrollLeft = scrolled[i] || 0; });
    if (focused >= 0) fresh.querySelectorAll("summary, pre")[focused]?.focus({ preventScroll: true });
  };

  const update = async () => {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(patience) });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    for (const fresh of page.querySelectorAll("[data-live]")) {
      const old = document.querySelector(`[data-live="${fresh.dataset.live}"]`);
      if (old) put(old, document.importNode(fresh, true));
    }
    document.documentElement.dataset.updates = String(1 + Number(document.documentElement.dataset.updates || 0));
    since = Date.now();
  };

  const tick = async () => {
    if (!document.hidden) {
      try {
        await update();
        say("Live", "good");
      } catch {
        say(`No answer for ${Math.round((Date.now() - since) / 1000)} s`, "bad");
      }
    }
    setTimeout(tick, every);
  };

  document.addEventListener("visibilitychange", () => { since = Date.now(); });
  say("Live", "good");
  setTimeout(tick, every);
})();
