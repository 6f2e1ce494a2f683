// Elements from data. Text is only ever text: nothing here, nor in what uses it, writes markup from a string.

const SVG = "http://www.w3.org/2000/svg";

/// An element with attributes and children; a child that is a string becomes text.
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/// A symbol of the page's sprite (assets/icons.svg), whose address the layout tells.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${asset("icons.svg")}#${name}`);
  svg.append(use);
  return svg;
}

/// The address of another asset: they all lie in this module's parent folder.
export function asset(name) {
  return new URL(name, import.meta.url).pathname;
}

const VERDICTS = {
  allow: { icon: "allow", word: "Allowed" },
  review: { icon: "review", word: "Held" },
  block: { icon: "block", word: "Blocked" },
};

/// How a verdict is called.
export function verdictWord(verdict) {
  return VERDICTS[verdict]?.word ?? String(verdict);
}

/// A verdict as icon and word, never as colour alone.
export function verdictBadge(verdict) {
  const known = VERDICTS[verdict];
  return known
    ? el("span", { class: `badge ${verdict}` }, icon(known.icon), known.word)
    : el("span", { class: "badge" }, String(verdict));
}

const NUMBERS = new Intl.NumberFormat("en-GB");

/// 12,480
export function number(value) {
  return NUMBERS.format(value);
}

let names = null;

/// The English name of a country's alpha-2 code; the code itself where there is none.
export function countryName(code) {
  if (code === "unknown") return "Unknown country";
  if (!/^[A-Z]{2}$/.test(code)) return String(code);
  try {
    names ??= new Intl.DisplayNames(["en-GB"], { type: "region" });
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}

/// JSON from this server, or an error whose message can be shown. A page asks for it by itself: it does not keep the session alive.
export async function json(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json", "X-Interdict-Background": "1" }, credentials: "same-origin" });
  if (answer.status === 401) throw new Error("You are no longer signed in. Sign in again to go on.");
  if (answer.status === 403) throw new Error("Your roles do not include this.");
  if (!answer.ok) throw new Error(`The server answered ${answer.status}. Try again in a moment.`);
  return answer.json();
}

/// Runs `work` when the element is due, once: parts may be started again by htmx.
export function once(root, selector, work) {
  const found = root instanceof Element && root.matches(selector) ? [root] : [];
  for (const element of [...found, ...root.querySelectorAll(selector)]) {
    if (element.dataset.started) continue;
    element.dataset.started = "yes";
    work(element);
  }
}
