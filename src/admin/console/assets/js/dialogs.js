// Dialogs, toasts, and what htmx has to say when a request fails.
//   data-open="id"   opens <dialog id="id">; the browser keeps the focus inside and gives it back
//   data-close       closes the dialog it stands in
// A server may answer with the header `HX-Trigger: {"toast":{"text":"Saved","kind":"good"}}`.
import { el, icon } from "./dom.js";

const SHOWN_MS = 6000;

/// Says something in the corner. What went wrong stays until it is closed.
export function toast(text, kind = "good") {
  let corner = document.querySelector(".toasts");
  if (!corner) {
    corner = el("div", { class: "toasts", role: "region", "aria-label": "Messages", popover: "manual" });
    document.body.append(corner);
  }
  const close = el("button", { class: "button quiet small icon-only", type: "button", "aria-label": "Close message" }, icon("close"));
  const bad = kind === "bad";
  const box = el("div", { class: `toast ${bad ? "bad" : "good"}`, role: bad ? "alert" : "status" }, icon(bad ? "block" : "allow"), el("span", {}, String(text)), close);
  close.addEventListener("click", () => box.remove());
  corner.append(box);
  // Anew into the top layer, so that it stands before a dialog that was opened since.
  if (corner.matches(":popover-open")) corner.hidePopover();
  corner.showPopover();
  if (!bad) setTimeout(() => box.remove(), SHOWN_MS);
}

export function dialogs() {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const opener = event.target.closest("[data-open]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.open);
      if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
    }
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    if (event.target.closest("[data-print]")) window.print();
    // A click beside a dialog hits the dialog itself.
    if (event.target instanceof HTMLDialogElement && event.target.open && outside(event)) event.target.close();
  });
  document.addEventListener("submit", (event) => {
    // Twice pressed is sent once; htmx has its own way of this.
    const form = event.target;
    if (form.matches("[hx-post],[hx-put],[hx-patch],[hx-delete]") || form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  // A page that comes back from the browser's memory may be sent again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
  document.addEventListener("toast", (event) => {
    const { text, value, kind } = event.detail ?? {};
    toast(text ?? value ?? "", kind);
  });
  // What nobody pressed, such as a poll, does not keep the session alive.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.triggeringEvent) event.detail.headers["X-Interdict-Background"] = "1";
  });
  // A problem is told, never put into the page.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const kind = event.detail.xhr.getResponseHeader("Content-Type") ?? "";
    if (!kind.startsWith("application/problem+json")) return;
    event.detail.shouldSwap = false;
    event.detail.isError = true;
  });
  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    if (xhr.status === 401) {
      const here = window.location.pathname + window.location.search;
      window.location.assign(`/sign-in?next=${encodeURIComponent(here)}`);
      return;
    }
    toast(problem(xhr) ?? `The server answered ${xhr.status}. Nothing was changed.`, "bad");
  });
  document.addEventListener("htmx:sendError", (event) => {
    // What refreshes itself tries again by itself.
    if (event.detail.requestConfig?.verb === "get") return;
    toast("The server cannot be reached. Nothing was changed.", "bad");
  });
}

function outside(event) {
  const box = event.target.getBoundingClientRect();
  const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  // A click by keyboard has no place.
  return event.detail > 0 && !inside;
}

function problem(xhr) {
  try {
    const { detail, title } = JSON.parse(xhr.responseText);
    return detail || title || null;
  } catch {
    return null;
  }
}
