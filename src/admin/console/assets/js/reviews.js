// The review queue by keyboard: while the focus is in the table, j and k or the arrows move from entry to entry. Enter opens one, for
// each entry is a link. Nothing is kept from whoever tabs on, and no key means anything outside the table (WCAG 2.1.4).
import { once } from "./dom.js";

const STEPS = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

export function queues(root) {
  once(root, "[data-queue]", (queue) => {
    queue.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (!step || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      const links = [...queue.querySelectorAll("[data-entry]")];
      const here = links.indexOf(document.activeElement);
      const next = here < 0 ? (step > 0 ? links[0] : links[links.length - 1]) : links[here + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
      next.closest("tr")?.scrollIntoView({ block: "nearest" });
    });
  });
}
