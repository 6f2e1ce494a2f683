// The editor of policies: line numbers, blanks by Tab without a trap, jumps to a fault, and no text that is lost.
import { toast } from "./dialogs.js";
import { once } from "./dom.js";

const BLANKS = "    ";

export function editors(root) {
  once(root, "form[data-editor]", (form) => {
    const text = form.querySelector("textarea");
    const gutter = form.querySelector(".gutter");
    const edit = form.querySelector("[name=edit]");
    const conflict = form.querySelector("[data-conflict]");
    const dirty = document.querySelector("[data-dirty]");
    let saved = text.value;
    let sent = saved;
    let leaves = false;
    let theirs = null;

    const number = () => {
      const lines = text.value.split("\n").length;
      gutter.textContent = Array.from({ length: lines }, (_, at) => `${at + 1}\n`).join("");
      gutter.scrollTop = text.scrollTop;
      dirty.hidden = text.value === saved;
    };
    text.addEventListener("input", number);
    text.addEventListener("scroll", () => (gutter.scrollTop = text.scrollTop));
    text.addEventListener("blur", () => (leaves = false));
    text.addEventListener("keydown", (event) => {
      if (event.key === "s" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        form.requestSubmit();
      } else if (event.key === "Escape") leaves = true;
      else if (event.key === "Tab" && !event.shiftKey && !leaves) {
        event.preventDefault();
        insert(text, text.selectionStart, text.selectionEnd, BLANKS);
      } else if (event.key !== "Shift" && event.key !== "Tab") leaves = false;
    });
    form.addEventListener("htmx:beforeRequest", (event) => {
      if (event.target === form) sent = text.value;
    });
    form.querySelector("[data-over]").addEventListener("click", () => {
      if (theirs === null) return;
      edit.value = String(theirs);
      conflict.hidden = true;
      form.requestSubmit();
    });
    document.addEventListener("saved", (event) => {
      for (const field of document.querySelectorAll("[name=edit]")) field.value = String(event.detail.edit);
      if (event.target === form) saved = sent;
      conflict.hidden = true;
      number();
    });
    document.addEventListener("conflict", (event) => {
      theirs = event.detail.edit;
      conflict.hidden = false;
      conflict.focus();
    });
    window.addEventListener("beforeunload", (event) => {
      if (text.value !== saved) event.preventDefault();
    });
    document.addEventListener("click", (event) => {
      const jump = event.target instanceof Element && event.target.closest("[data-line]");
      if (jump) go(text, Number(jump.dataset.line), Number(jump.dataset.column));
    });
    number();
  });
  // A rule that the form has written goes to the end of the text.
  once(root, "[data-insert]", (written) => {
    const text = document.querySelector("form[data-editor] textarea");
    if (!text) return;
    const before = text.value.endsWith("\n") || text.value === "" ? "" : "\n";
    const at = text.value.length;
    insert(text, at, at, `${before}\n${written.querySelector("pre").textContent.trim()}\n`);
    text.scrollTop = text.scrollHeight;
    toast("The rule stands at the end of the text. Save it when it is as you want it.");
  });
  once(root, "[data-reads-into]", (file) => {
    file.addEventListener("change", async () => {
      const chosen = file.files?.[0];
      if (chosen) document.getElementById(file.dataset.readsInto).value = await chosen.text();
    });
  });
}

/// As if it was typed, so that the browser can undo it.
function insert(text, from, to, words) {
  text.focus();
  text.setSelectionRange(from, to);
  if (!document.execCommand?.("insertText", false, words)) {
    text.setRangeText(words, from, to, "end");
    text.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

/// The caret to a line and column, both from 1.
function go(text, line, column) {
  const lines = text.value.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const rest = [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
  text.focus();
  text.setSelectionRange(before + rest, before + (lines[line - 1] ?? "").length);
  const height = text.scrollHeight / Math.max(lines.length, 1);
  text.scrollTop = Math.max(0, (line - 4) * height);
}
