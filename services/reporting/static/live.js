// Hears that a new version is there, fetches the page again and changes in place only what differs:
// focus, scroll, selected text and the place of a screen reader stay where they are.
(() => {
  "use strict";

  const main = document.querySelector("main[data-stream]");
  const bar = document.getElementById("live");
  if (!main || !bar || !("EventSource" in window)) return;

  const [stateText, ageText, button, spoken] = bar.children;
  const text = bar.dataset;
  const LEAST_MS = 1000; // between two fetches, however fast versions follow each other
  const CHECK_MS = 30000; // the stream tells of new versions only: this finds out how far the workers are
  const SPEAK_MS = 10000; // between two announcements
  const RETRY_MS = [1000, 30000];

  let stream = null;
  let retry = RETRY_MS[0];
  let retryTimer = 0;
  let ended = false;
  let paused = recall();
  let fetching = false;
  let wanted = false;
  let fetchedAt = performance.now();
  let startedAt = -LEAST_MS;

  // 1. The state in words

  function show(state) {
    if (bar.dataset.state === state) return;
    const before = bar.dataset.state;
    bar.dataset.state = state;
    stateText.textContent = text[state];
    button.textContent = paused ? text.resume : text.pause;
    button.hidden = ended;
    if (state === "lost" || state === "signedOut" || (state === "on" && before === "lost")) speak(text[state]);
  }

  function showAge() {
    const seconds = Math.round(Number(main.dataset.age) + (performance.now() - fetchedAt) / 1000);
    const [value, unit] =
      seconds < 120 ? [seconds, "second"] : seconds < 7200 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
    const format = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "long" });
    ageText.textContent = `${text.age} ${format.format(Math.floor(value))}`;
  }

  let pending = "";
  let speakTimer = 0;
  let spokeAt = -SPEAK_MS;

  function speak(words) {
    pending = words;
    if (speakTimer) return;
    speakTimer = setTimeout(() => {
      speakTimer = 0;
      spokeAt = performance.now();
      spoken.textContent = pending;
    }, Math.max(0, spokeAt + SPEAK_MS - performance.now()));
  }

  // 2. The stream

  function connect() {
    clearTimeout(retryTimer);
    if (stream || paused || ended || document.hidden) return;
    stream = new EventSource(main.dataset.stream);
    stream.addEventListener("open", () => {
      const lost = bar.dataset.state === "lost";
      retry = RETRY_MS[0];
      show("on");
      if (lost) refresh();
    });
    stream.addEventListener("version", (message) => {
      if (message.data !== main.dataset.version) refresh();
    });
    stream.addEventListener("renew", () => {
      disconnect(); // asked to come again: nothing is lost, so nothing is said
      connect();
    });
    stream.addEventListener("error", () => {
      show("lost");
      if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      disconnect();
      retryTimer = setTimeout(connect, retry);
      retry = Math.min(retry * 2, RETRY_MS[1]);
      refresh(); // tells a session that ended from a server that is away
    });
  }

  function disconnect() {
    clearTimeout(retryTimer);
    if (stream) stream.close();
    stream = null;
  }

  // 3. The page

  function refresh() {
    if (paused || ended || document.hidden) return;
    if (fetching) {
      wanted = true;
      return;
    }
    fetching = true;
    setTimeout(load, Math.max(0, startedAt + LEAST_MS - performance.now()));
  }

  async function load() {
    startedAt = performance.now();
    wanted = false;
    try {
      const address = new URL(location.href);
      address.searchParams.set("fragment", "1");
      const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (answer.status === 401) end();
      else if (!answer.ok) throw new Error(String(answer.status));
      else if (!paused) replace(await answer.text());
    } catch {
      if (!paused) show("lost");
    } finally {
      fetching = false;
      if (wanted) refresh();
    }
  }

  function replace(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("main");
    if (!fresh) throw new Error("no page");
    const changed = fresh.dataset.version !== main.dataset.version;
    const focused = document.activeElement;
    morph(main, fresh);
    if (focused && focused.id && document.activeElement !== focused) {
      document.getElementById(focused.id)?.focus({ preventScroll: true });
    }
    fetchedAt = performance.now();
    showAge();
    if (stream && stream.readyState === EventSource.OPEN) show("on");
    if (changed) speak(main.dataset.summary);
  }

  function end() {
    ended = true;
    disconnect();
    show("signedOut");
  }

  // 4. Changing in place

  function morph(old, fresh) {
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) {
        old.data = fresh.data;
        if (fresh.data.trim()) mark(old.parentElement);
      }
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE || old.dataset.keep !== undefined) return;
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open" && name !== "tabindex") old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    let place = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const match = alike(place, next) ? place : (next.id && [...old.children].find((child) => alike(child, next))) || null;
      if (match) {
        if (match !== place) old.insertBefore(match, place);
        morph(match, next);
        place = match.nextSibling;
      } else {
        old.insertBefore(document.adoptNode(next), place);
      }
    }
    while (place) {
      const after = place.nextSibling;
      place.remove();
      place = after;
    }
  }

  function alike(old, fresh) {
    return old !== null && old.nodeName === fresh.nodeName && (old.id || "") === (fresh.id || "");
  }

  const still = matchMedia("(prefers-reduced-motion: reduce)");

  function mark(element) {
    if (still.matches || !element.matches("td, dd, strong")) return;
    const colour = getComputedStyle(element).getPropertyValue("--changed");
    element.animate([{ backgroundColor: colour }, { backgroundColor: "transparent" }], 2500);
  }

  // 5. Pausing

  function recall() {
    try {
      return sessionStorage.getItem("paused") === "1";
    } catch {
      return false;
    }
  }

  button.addEventListener("click", () => {
    paused = !paused;
    try {
      sessionStorage.setItem("paused", paused ? "1" : "0");
    } catch {
      // Storage is forbidden here: the choice then holds for this page only.
    }
    if (paused) disconnect();
    show(paused ? "paused" : "connecting");
    if (!paused) {
      connect();
      refresh();
    }
  });

  function wake() {
    if (document.hidden) return disconnect();
    connect();
    refresh();
  }

  document.addEventListener("visibilitychange", wake);
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => event.persisted && wake());
  setInterval(showAge, 1000);
  setInterval(refresh, CHECK_MS);

  bar.hidden = false;
  show(paused ? "paused" : "connecting");
  showAge();
  connect();
})();
