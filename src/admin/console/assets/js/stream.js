// The live stream of decisions. The server sends `tick` events (GET /console/stream):
//   {"seq":7,"rate":1234,"shown":[{"id","at","verdict","product","rule","clause","country","action","route","sku"}],
//    "totals":{"allow":1,"review":2,"block":3}}
// Rows are text only; at most ROWS are kept. A reader that listens hears a summary now and then, not every row.
import { countryName, el, number, once, verdictBadge } from "./dom.js";

export const ROWS = 100;
const SUMMARY_MS = 15_000;

export function streams(root) {
  once(root, "[data-stream]", (element) => new Stream(element).open());
}

class Stream {
  constructor(element) {
    this.url = element.dataset.stream;
    // Whether the reader may open records.
    this.links = element.hasAttribute("data-links");
    this.list = element.querySelector("[data-stream-list]");
    this.state = element.querySelector("[data-stream-state]");
    this.pause = element.querySelector("[data-stream-pause]");
    this.spoken = element.querySelector("[data-stream-spoken]");
    this.empty = element.querySelector("[data-stream-empty]");
    this.paused = false;
    this.seen = { allow: 0, review: 0, block: 0 };
    this.pause?.addEventListener("click", () => this.toggle());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    setInterval(() => this.speak(), SUMMARY_MS);
  }

  open() {
    if (this.source || this.paused || document.hidden) return;
    this.say("wait", "Connecting");
    this.source = new EventSource(this.url);
    this.source.addEventListener("open", () => this.say("live", "Live"));
    this.source.addEventListener("error", () => this.lost());
    this.source.addEventListener("tick", (event) => this.tick(event));
  }

  close() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.again);
  }

  lost() {
    // The browser tries again by itself unless the server has refused.
    if (this.source?.readyState === EventSource.CLOSED) {
      this.close();
      this.again = setTimeout(() => this.open(), 5_000);
    }
    this.say("lost", "Connection lost, trying again");
  }

  tick(event) {
    let tick;
    try {
      tick = JSON.parse(event.data);
    } catch {
      return;
    }
    this.say("live", "Live");
    put("[data-rate]", tick.rate);
    for (const verdict of ["allow", "review", "block"]) put(`[data-total="${verdict}"]`, tick.totals?.[verdict]);
    const shown = Array.isArray(tick.shown) ? tick.shown : [];
    for (const decision of shown) {
      if (decision.verdict in this.seen) this.seen[decision.verdict] += 1;
    }
    if (!this.list || shown.length === 0) return;
    if (this.empty) this.empty.hidden = true;
    // Newest first; what the pointer or the focus is on must not move away under it.
    const scroller = this.list.parentElement;
    const held = scroller.scrollTop > 4;
    const before = scroller.scrollHeight;
    this.list.prepend(...shown.slice(-ROWS).reverse().map((decision) => row(decision, this.links)));
    while (this.list.childElementCount > ROWS) this.list.lastElementChild.remove();
    if (held) scroller.scrollTop += scroller.scrollHeight - before;
  }

  toggle() {
    this.paused = !this.paused;
    this.pause.setAttribute("aria-pressed", String(this.paused));
    this.pause.querySelector("[data-word]").textContent = this.paused ? "Resume" : "Pause";
    if (this.paused) {
      this.close();
      this.say("paused", "Paused");
    } else {
      this.open();
    }
  }

  say(state, words) {
    if (!this.state || this.state.dataset.state === state) return;
    this.state.dataset.state = state;
    this.state.textContent = words;
  }

  speak() {
    const { allow, review, block } = this.seen;
    this.seen = { allow: 0, review: 0, block: 0 };
    if (this.paused || !this.spoken || allow + review + block === 0) return;
    this.spoken.textContent = `Shown since the last summary: ${block} blocked, ${review} held, ${allow} allowed.`;
  }
}

/// One decision as a row. Everything in it comes from strangers, and is text.
function row(decision, links) {
  const at = typeof decision.at === "string" ? decision.at : "";
  const what = decision.product || decision.sku || decision.action || "-";
  const why = [decision.clause || decision.rule, decision.action, decision.route].filter(Boolean).join(" · ");
  const country = decision.country || "";
  return el(
    "li",
    { class: "fresh" },
    verdictBadge(decision.verdict),
    // Rows come and go; whoever walks by keyboard finds decisions on their own page.
    el(links ? "a" : "span", { class: "what", href: links ? `/decisions/${encodeURIComponent(String(decision.id ?? ""))}` : null, tabindex: links ? "-1" : null, title: String(what) }, String(what)),
    el("span", { class: "where", title: countryName(country) }, country === "unknown" ? "?" : country),
    el("time", { datetime: at, title: at }, at.slice(11, 19)),
    el("span", { class: "why", title: why }, why),
  );
}

function put(selector, value) {
  if (!Number.isFinite(value)) return;
  for (const element of document.querySelectorAll(selector)) element.textContent = number(value);
}
