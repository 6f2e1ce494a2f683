// The world by verdict, from GET /admin/v1/activity/countries?from&to:
//   {"countries":[{"code":"US","allow":0,"review":0,"block":12}]}
// The colour is that of the verdict that most of a country's decisions have, its strength the logarithm of their number. The table beside it says the
// same to whoever does not see the map, and can be walked by keyboard.
import { asset, countryName, el, json, number, once, verdictWord } from "./dom.js";

const REFRESH_MS = 30_000;
const VERDICTS = ["block", "review", "allow"];

export function maps(root) {
  once(root, "[data-map]", (element) => new WorldMap(element).start());
}

/// The verdict of most decisions; of equal ones the stricter.
export function dominant(country) {
  return VERDICTS.reduce((best, verdict) => ((country[verdict] ?? 0) > (country[best] ?? 0) ? verdict : best), "block");
}

/// 1 to 4, by the logarithm of the count beside the largest.
export function intensity(count, most) {
  if (most <= 1) return 4;
  return 1 + Math.min(3, Math.floor((Math.log(Math.max(1, count)) / Math.log(most)) * 3.999));
}

/// What was stopped comes first.
function byStrictness(a, b) {
  for (const verdict of VERDICTS) {
    const more = (b[verdict] ?? 0) - (a[verdict] ?? 0);
    if (more !== 0) return more;
  }
  return 0;
}

function sum(country) {
  return VERDICTS.reduce((total, verdict) => total + (country[verdict] ?? 0), 0);
}

class WorldMap {
  constructor(element) {
    this.element = element;
    this.view = element.querySelector("[data-map-view]");
    this.rows = element.querySelector("[data-map-rows]");
    this.range = Number(element.dataset.range) || 86_400;
    this.tip = el("div", { class: "chart-tip", "aria-hidden": "true", hidden: true });
    this.countries = new Map();
  }

  async start() {
    const answer = await fetch(asset("world.svg")).catch(() => null);
    if (answer?.ok) {
      const world = new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement;
      this.world = document.importNode(world, true);
      this.world.setAttribute("aria-hidden", "true");
      this.view.replaceChildren(this.world, this.tip);
      this.world.addEventListener("pointermove", (event) => this.point(event.target.id, event));
      this.world.addEventListener("pointerleave", () => this.point(""));
    }
    await this.load();
    setInterval(() => !document.hidden && this.element.isConnected && this.load(), REFRESH_MS);
  }

  async load() {
    const to = Math.ceil(Date.now() / 60_000) * 60;
    const iso = (seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
    const query = new URLSearchParams({ from: iso(to - this.range), to: iso(to) });
    try {
      const found = await json(`${this.element.dataset.map}?${query}`);
      this.countries = new Map(found.countries.map((country) => [String(country.code), country]));
      this.draw();
    } catch (error) {
      if (this.countries.size === 0) this.rows.replaceChildren(el("tr", {}, el("td", { colspan: "4", class: "muted" }, error.message)));
    }
  }

  draw() {
    const most = Math.max(1, ...[...this.countries.values()].map(sum));
    for (const shape of this.world?.querySelectorAll("[id]") ?? []) {
      const country = this.countries.get(shape.id);
      const territory = shape.classList.contains("territory") ? "territory " : "";
      shape.setAttribute("class", country && sum(country) > 0 ? `${territory}on ${dominant(country)} i${intensity(sum(country), most)}` : territory);
    }
    const order = [...this.countries.values()].filter((country) => sum(country) > 0).sort(byStrictness);
    const focused = this.rows.contains(document.activeElement) ? document.activeElement.dataset.code : null;
    this.rows.replaceChildren(...(order.length > 0 ? order.map((country) => this.row(country)) : [el("tr", {}, el("td", { colspan: "4", class: "muted" }, "No decision in this time."))]));
    if (focused) [...this.rows.children].find((row) => row.dataset.code === focused)?.focus();
  }

  row(country) {
    const code = String(country.code);
    const row = el(
      "tr",
      { tabindex: "0", "data-code": code },
      el("th", { scope: "row" }, countryName(code)),
      ...VERDICTS.map((verdict) => el("td", { class: "num" }, number(country[verdict] ?? 0))),
    );
    for (const name of ["focus", "pointerenter"]) row.addEventListener(name, () => this.light(code));
    for (const name of ["blur", "pointerleave"]) row.addEventListener(name, () => this.light(""));
    return row;
  }

  light(code) {
    for (const lit of this.world?.querySelectorAll(".lit") ?? []) lit.classList.remove("lit");
    if (code) this.shape(code)?.classList.add("lit");
  }

  shape(code) {
    return /^[A-Z]{2}$/.test(code) ? this.world?.querySelector(`#${code}`) : null;
  }

  point(code, event) {
    const country = this.countries.get(code);
    this.light(country ? code : "");
    this.tip.hidden = !country;
    if (!country) return;
    this.tip.replaceChildren(
      el("b", {}, countryName(code)),
      ...VERDICTS.map((verdict) => el("div", {}, el("i", { class: `swatch ${verdict}` }), verdictWord(verdict), el("span", {}, number(country[verdict] ?? 0)))),
    );
    const box = this.view.getBoundingClientRect();
    const x = event.clientX - box.left;
    const flip = x > box.width / 2;
    this.tip.style.left = flip ? "auto" : `${x + 16}px`;
    this.tip.style.right = flip ? `${box.width - x + 16}px` : "auto";
    this.tip.style.top = `${Math.max(0, event.clientY - box.top - 24)}px`;
  }
}
