// A real Chromium that watches what no page of the console may do: load from elsewhere, break its Content-Security-Policy, throw, or
// shut somebody out (axe-core). Every fault is collected, and the story fails with all of them.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const tools = process.env.BROWSER_TOOLS;
const require = createRequire(path.join(tools, "package.json"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

// Nothing of the browser's own may go out either: what is seen on the wire is the page's doing.
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-default-apps", "--force-color-profile=srgb",
];

export const faults = [];

export async function start() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS });
}

/// A person with a browser window of their own.
export async function person(browser, origin, name, options = {}) {
  const context = await browser.newContext({
    baseURL: origin, colorScheme: "light", locale: "en-GB", timezoneId: "UTC", viewport: { width: 1360, height: 900 },
    reducedMotion: "reduce", acceptDownloads: true, ...options,
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  const page = await context.newPage();
  const expected = [];
  page.expects = (pattern) => expected.push(pattern);
  const fault = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) faults.push(`${name}, ${page.url()}: ${text}`);
  };
  page.on("console", (message) => { if (message.type() === "error") fault(`console: ${message.text()}`); });
  page.on("pageerror", (error) => fault(`error: ${error}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== origin) fault(`request to ${url.origin}`);
  });
  page.on("response", (response) => { if (response.status() >= 500) fault(`${response.status()} ${response.url()}`); });
  page.setDefaultTimeout(30_000);
  return page;
}

export async function signIn(page, name, password) {
  await page.goto("/sign-in");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname !== "/sign-in");
}

/// What axe finds of the page as it is now, serious or worse. What is gone at a second look was a page that was still being drawn.
export async function accessible(page, what) {
  await page.evaluate(AXE);
  let found = [];
  for (let look = 0; look < 3; look += 1) {
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100))));
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    found = violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
    if (found.length === 0) return;
  }
  for (const violation of found) {
    const where = violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join("\n    ");
    faults.push(`axe, ${what}: ${violation.id}: ${violation.help}\n    ${where}`);
  }
}

/// Nothing sticks out of a page sideways.
export async function fits(page, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 1) faults.push(`${what}: ${wide}px too wide`);
}

const pictures = process.env.SCREENSHOTS;
if (pictures) mkdirSync(pictures, { recursive: true });

export async function picture(page, name, options = {}) {
  if (!pictures) return;
  await page.screenshot({ path: path.join(pictures, `${name}.png`), animations: "disabled", caret: "hide", ...options });
}

/// What everybody saw when the story stopped.
export async function failure(browser) {
  for (const context of browser.contexts()) {
    for (const page of context.pages()) {
      const words = await page.locator("main").innerText().catch(() => "");
      faults.push(`seen at ${page.url()}: ${words.slice(0, 1500)}`);
    }
  }
}

/// Every page that a person may open: accessible in light and dark, and no wider than a phone.
export async function inspect(page, address, name) {
  await page.goto(address);
  await page.waitForLoadState("load");
  await accessible(page, `${name} (light)`);
  await page.emulateMedia({ colorScheme: "dark" });
  await accessible(page, `${name} (dark)`);
  await page.emulateMedia({ colorScheme: "light" });
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 780 });
  await fits(page, `${name} on a phone`);
  await accessible(page, `${name} (phone)`);
  await page.setViewportSize(size);
}

/// Waits until something is so; fails with what it was.
export async function until(what, look, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function finish() {
  if (faults.length === 0) return;
  console.error(faults.join("\n"));
  process.exit(1);
}
