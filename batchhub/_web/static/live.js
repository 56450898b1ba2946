// Keeps an open page up to date: the server says that something has changed, and the part of the
// page that shows it is fetched again. Without this script a page is the same, and stays as it is.
"use strict";

(() => {
  const REFRESH_MS = 60_000; // so that "3 min ago" is never far from the truth
  const FULL_MS = 15_000;
  const FIRST_RETRY_MS = 1_000;
  const LONGEST_RETRY_MS = 30_000;

  const contact = () => document.getElementById("contact");

  let said = "";

  function say(what) {
    const place = contact();
    const text = what ? place?.dataset[what] : "";
    said = what;
    if (place && place.textContent !== text) place.textContent = text;
  }

  function refresh() {
    const live = document.getElementById("live");
    if (live && !document.hidden) htmx.trigger(live, "refresh");
  }

  // What the extension takes for an EventSource. A page that nobody sees keeps no connection open:
  // browsers have six for a server, and the seventh tab would not load.
  class Source {
    readyState = 0;

    constructor(url) {
      this.url = url;
      this.listeners = [];
      this.retryMs = FIRST_RETRY_MS;
      this.onVisible = () => (document.hidden ? this.rest() : this.open());
      document.addEventListener("visibilitychange", this.onVisible);
      addEventListener("pagehide", () => this.rest());
      addEventListener("pageshow", (event) => event.persisted && this.onVisible());
      if (!document.hidden) this.open();
    }

    open() {
      if (this.source || this.readyState === 2) return;
      clearTimeout(this.timer);
      const url = this.lastId ? withSeen(this.url, this.lastId) : this.url;
      const source = (this.source = new EventSource(url, { withCredentials: true }));
      const noteId = (event) => (this.lastId = event.lastEventId || this.lastId);
      source.onopen = (event) => {
        this.readyState = 1;
        this.retryMs = FIRST_RETRY_MS;
        say("");
        this.onopen?.(event);
      };
      source.onerror = () => this.retry(this.retryMs, "lost");
      source.addEventListener("here", noteId);
      source.addEventListener("changed", noteId);
      source.addEventListener("full", () => {
        this.retry(FULL_MS, "full");
        refresh();
      });
      source.addEventListener("ended", () => {
        this.retry(FIRST_RETRY_MS, "");
        refresh(); // signed out: the answer leads to where one signs in
      });
      for (const [name, listener] of this.listeners) source.addEventListener(name, listener);
    }

    rest() {
      clearTimeout(this.timer);
      this.source?.close();
      this.source = null;
    }

    retry(delayMs, what) {
      this.rest();
      say(what);
      if (what === "lost") this.retryMs = Math.min(2 * this.retryMs, LONGEST_RETRY_MS);
      const spread = 0.75 + Math.random() / 2;
      this.timer = setTimeout(() => document.hidden || this.open(), delayMs * spread);
    }

    addEventListener(name, listener) {
      this.listeners.push([name, listener]);
      this.source?.addEventListener(name, listener);
    }

    removeEventListener(name, listener) {
      this.listeners = this.listeners.filter((one) => one[0] !== name || one[1] !== listener);
      this.source?.removeEventListener(name, listener);
    }

    close() {
      this.readyState = 2;
      document.removeEventListener("visibilitychange", this.onVisible);
      this.rest();
    }
  }

  function withSeen(url, seen) {
    const asked = new URL(url, location.href);
    asked.searchParams.set("seen", seen);
    return asked.href;
  }

  htmx.createEventSource = (url) => new Source(url);

  // What a visitor has opened stays open when the page refreshes itself.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.tagName === "DETAILS");

  document.addEventListener("htmx:sendError", () => say("lost"));
  document.addEventListener("htmx:timeout", () => say("lost"));
  document.addEventListener("htmx:afterOnLoad", () => said === "lost" && say(""));
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, REFRESH_MS);

  // A second click on a button that has been pressed sends nothing.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
  });
})();
