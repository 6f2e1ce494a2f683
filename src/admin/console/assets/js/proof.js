// Shows, step by step, whether a record's proof holds: <section data-verify="/admin/v1/records/{id}/proof" data-id="{id}">
// with [data-verify-run] (button), [data-verify-result] (aria-live) and [data-verify-steps] (ol.checks).
import { el, icon, json, once } from "./dom.js";
import { verify } from "./verify.js";

const RESULTS = {
  proven: { kind: "good", icon: "allow", title: "Proven", text: "Your browser has calculated it itself: this record is in the ledger as it was written, and the ledger has signed it." },
  partial: { kind: "warn", icon: "review", title: "Not everything could be checked", text: "What could be checked is in order. The steps below say what could not, and why." },
  failed: { kind: "bad", icon: "block", title: "Not proven", text: "A step failed. Do not rely on this record before it is explained; tell the administrator." },
};
const STATES = {
  pass: { icon: "allow", word: "Passed" },
  fail: { icon: "block", word: "Failed" },
  skip: { icon: "review", word: "Not checked" },
};

export function proofs(root) {
  once(root, "[data-verify]", (element) => {
    const run = element.querySelector("[data-verify-run]");
    run?.addEventListener("click", () => check(element, run));
    if (!run) check(element, null);
  });
}

async function check(element, button) {
  const result = element.querySelector("[data-verify-result]");
  const list = element.querySelector("[data-verify-steps]");
  if (button) button.disabled = true;
  try {
    const proof = await json(element.dataset.verify);
    // Which record it has to be is the page's word, not the proof's.
    const outcome = await verify({ ...proof, id: element.dataset.id });
    result.replaceChildren(summary(RESULTS[outcome.state]));
    list.replaceChildren(...outcome.steps.map(shown));
  } catch (error) {
    result.replaceChildren(summary({ kind: "warn", icon: "review", title: "The proof could not be fetched", text: error.message }));
  } finally {
    if (button) button.disabled = false;
  }
}

function summary({ kind, icon: name, title, text }) {
  return el("div", { class: `notice ${kind}` }, icon(name), el("strong", {}, title), el("p", {}, text));
}

function shown(step) {
  const { icon: name, word } = STATES[step.state];
  const values = step.values.flatMap(([what, value]) => [el("dt", {}, what), el("dd", { class: "mono" }, value)]);
  return el(
    "li",
    { class: step.state },
    icon(name),
    el("strong", {}, step.title, el("span", { class: "visually-hidden" }, `: ${word}`)),
    el("span", { class: "muted" }, step.detail),
    values.length > 0 ? el("details", { class: "small" }, el("summary", {}, "Values"), el("dl", { class: "kv" }, ...values)) : null,
  );
}
