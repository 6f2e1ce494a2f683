// Charts of decisions over time, from GET /admin/v1/activity?from&to&step&by:
//   {"step":60,"times":[1795600000],"series":[{"name":"block","values":[3]}]}
// An element asks for one by data-chart="/admin/v1/activity", data-by, data-range (seconds). Its text alternative is a table.
import { countryName, el, json, number, once, verdictWord } from "./dom.js";

/// Pixels of the chart, where a rem has 16; a wall screen has larger ones.
const HEIGHT = 300;
const REM = 16;
const REFRESH_MS = 30_000;
/// More series than colours are summed up as the last.
const MOST = 8;
/// From the base line upwards: what is rare and matters stands at the bottom, where it can be seen.
const VERDICTS = ["block", "review", "allow"];

export function charts(root) {
  once(root, "[data-chart]", (element) => new Chart(element).load());
}

/// How long a bar is, so that a range has about a hundred.
export function stepOf(range) {
  const steps = [60, 300, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];
  return steps.find((step) => range / step <= 110) ?? 86_400;
}

/// The largest series, in order, and the rest as one.
export function ranked(series, by) {
  const total = (one) => one.values.reduce((sum, value) => sum + (value ?? 0), 0);
  const all = series.map((one) => ({ name: String(one.name), values: one.values.map((value) => value ?? 0), total: total(one) }));
  if (by === "verdict") {
    return VERDICTS.map((name) => all.find((one) => one.name === name)).filter((one) => one !== undefined);
  }
  all.sort((a, b) => b.total - a.total || a.name.localeCompare(b.name));
  if (all.length <= MOST) return all;
  const rest = all.slice(MOST - 1);
  const values = rest[0].values.map((_, at) => rest.reduce((sum, one) => sum + (one.values[at] ?? 0), 0));
  return [...all.slice(0, MOST - 1), { name: `${rest.length} others`, values, total: rest.reduce((sum, one) => sum + one.total, 0) }];
}

/// Heights of a stack: for each series, the sum of it and of those below it that are shown.
export function stacked(series, hidden) {
  const sums = [];
  let below = series[0]?.values.map(() => 0) ?? [];
  for (const one of series) {
    if (!hidden.has(one.name)) below = below.map((sum, at) => sum + one.values[at]);
    sums.push([...below]);
  }
  return sums;
}

class Chart {
  constructor(element) {
    this.element = element;
    this.by = element.dataset.by ?? "verdict";
    this.range = Number(element.dataset.range) || 86_400;
    this.view = element.querySelector("[data-chart-view]");
    this.legend = element.querySelector("[data-chart-legend]");
    this.table = element.querySelector("[data-chart-table]");
    this.hidden = new Set();
    this.tip = el("div", { class: "chart-tip", "aria-hidden": "true", hidden: true });
    element.querySelector("[data-chart-by]")?.addEventListener("change", (event) => {
      this.by = event.target.value;
      this.hidden.clear();
      this.load();
    });
    for (const button of element.querySelectorAll("[data-chart-range]")) {
      button.addEventListener("click", () => {
        for (const other of element.querySelectorAll("[data-chart-range]")) other.setAttribute("aria-pressed", String(other === button));
        this.range = Number(button.dataset.chartRange);
        this.load();
      });
    }
    document.addEventListener("theme", () => this.draw());
    new ResizeObserver(() => this.plot?.setSize({ width: this.view.clientWidth, height: HEIGHT * scale() })).observe(this.view);
    setInterval(() => !document.hidden && element.isConnected && this.load(), REFRESH_MS);
  }

  async load() {
    const asked = (this.asked = (this.asked ?? 0) + 1);
    const step = stepOf(this.range);
    const to = Math.ceil(Date.now() / 1000 / step) * step;
    const query = new URLSearchParams({ from: iso(to - this.range), to: iso(to), step: String(step), by: this.by });
    try {
      const found = await json(`${this.element.dataset.chart}?${query}`);
      if (asked !== this.asked) return; // A newer question is on its way.
      this.times = found.times;
      this.step = found.step;
      this.series = ranked(found.series, this.by);
      this.draw();
      this.drawLegend();
      this.drawTable();
    } catch (error) {
      if (asked === this.asked) this.fail(error.message);
    }
  }

  fail(message) {
    if (this.plot) return; // What was drawn before is better than nothing; the stream says that the connection is lost.
    this.view.replaceChildren(el("div", { class: "empty" }, el("strong", {}, "No figures"), el("p", {}, message)));
  }

  draw() {
    if (!this.series || !this.view) return;
    this.plot?.destroy();
    this.plot = null;
    if (this.series.every((one) => one.total === 0)) {
      this.view.replaceChildren(el("div", { class: "empty" }, el("strong", {}, "Nothing in this time"), el("p", {}, "No decision was made. Figures appear here as soon as there is one.")));
      return;
    }
    this.view.replaceChildren();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const width = this.view.clientWidth;
    const bars = width / Math.max(1, this.times.length) >= 4;
    const paths = bars ? uPlot.paths.bars({ size: [0.82, 40], align: 1 }) : uPlot.paths.stepped({ align: 1 });
    // The highest of the stack is drawn first, and those below it over it.
    const lines = this.series
      .map((one, at) => ({
        label: one.name,
        fill: colour(fillOf(this.by, one.name, at)),
        stroke: colour(fillOf(this.by, one.name, at)),
        width: 0,
        paths,
        points: { show: false },
      }))
      .reverse();
    const axis = { stroke: colour("--muted"), font: `${12 * scale()}px ${colour("--font") || "sans-serif"}`, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
    const day = this.range > 2 * 86_400;
    const options = {
      width,
      height: HEIGHT * scale(),
      ms: 1e-3,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
      padding: [12, 24, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: (plot, min, max) => [min, max + this.step] }, y: { range: (plot, min, max) => [0, Math.max(4, max * 1.05)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 30 * scale(), space: 64 * scale(), values: (plot, ticks) => ticks.map((at) => (day ? iso(at).slice(5, 10) : iso(at).slice(11, 16))), incrs: day ? [86_400, 172_800, 604_800] : [300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200] },
        { ...axis, size: 52 * scale(), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7], values: (plot, ticks) => ticks.map(short) },
      ],
      series: [{}, ...lines],
      hooks: { setCursor: [(plot) => this.point(plot)] },
    };
    this.plot = new uPlot(options, this.data(), this.view);
    this.view.append(this.tip);
    this.view.setAttribute("role", "img");
    this.view.setAttribute("aria-label", `${this.element.dataset.title ?? "Decisions"}: ${this.series.map((one) => `${number(one.total)} ${wordOf(this.by, one.name)}`).join(", ")}. The figures are in the table below.`);
  }

  data() {
    return [this.times, ...stacked(this.series, this.hidden).reverse()];
  }

  point(plot) {
    const at = plot.cursor.idx;
    if (at === null || at === undefined || plot.cursor.left < 0) {
      this.tip.hidden = true;
      return;
    }
    const rows = this.series.map((one, nth) => el("div", {}, swatch(this.by, one.name, nth), wordOf(this.by, one.name), el("span", {}, number(one.values[at])))).reverse();
    this.tip.replaceChildren(el("b", {}, `${iso(this.times[at]).slice(0, 16).replace("T", " ")} UTC`), ...rows);
    this.tip.hidden = false;
    const left = plot.over.offsetLeft + plot.cursor.left;
    const flip = left > this.view.clientWidth / 2;
    this.tip.style.left = flip ? "auto" : `${left + 16}px`;
    this.tip.style.right = flip ? `${this.view.clientWidth - left + 16}px` : "auto";
    this.tip.style.top = "1rem";
  }

  drawLegend() {
    if (!this.legend) return;
    const focused = this.legend.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    this.legend.replaceChildren(
      ...this.series.map((one, at) => {
        const button = el("button", { type: "button", "aria-pressed": String(!this.hidden.has(one.name)), "data-name": one.name }, swatch(this.by, one.name, at), el("span", {}, wordOf(this.by, one.name)), el("b", {}, number(one.total)));
        button.addEventListener("click", () => {
          if (!this.hidden.delete(one.name)) this.hidden.add(one.name);
          button.setAttribute("aria-pressed", String(!this.hidden.has(one.name)));
          this.plot?.setData(this.data());
        });
        return button;
      }),
    );
    if (focused) [...this.legend.children].find((button) => button.dataset.name === focused)?.focus();
  }

  drawTable() {
    if (!this.table) return;
    const head = el("tr", {}, el("th", { scope: "col" }, "From (UTC)"), ...this.series.map((one) => el("th", { scope: "col", class: "num" }, wordOf(this.by, one.name))));
    const rows = this.times.map((time, at) => el("tr", {}, el("th", { scope: "row" }, iso(time).slice(0, 16).replace("T", " ")), ...this.series.map((one) => el("td", { class: "num" }, number(one.values[at])))));
    this.table.replaceChildren(el("caption", { class: "visually-hidden" }, this.element.dataset.title ?? "Decisions"), el("thead", {}, head), el("tbody", {}, ...rows.reverse()));
  }
}

/// How much larger than usual text is.
function scale() {
  return (parseFloat(getComputedStyle(document.documentElement).fontSize) || REM) / REM;
}

function fillOf(by, name, at) {
  return by === "verdict" ? `--${name}-fill` : `--series-${(at % MOST) + 1}`;
}

function swatch(by, name, at) {
  return el("i", { class: `swatch ${by === "verdict" ? name : `s${(at % MOST) + 1}`}`, "aria-hidden": "true" });
}

function wordOf(by, name) {
  if (by === "verdict") return verdictWord(name);
  if (by === "country") return countryName(name);
  return by === "action" ? name.replaceAll("_", " ") : name;
}

function iso(seconds) {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

function short(value) {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e4 ? `${value / 1e3}k` : number(value);
}
