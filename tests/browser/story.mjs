// The whole story in a real browser, as compliance and operations would live it (docs/console.md).
import * as browse from "./harness.mjs";

const { ADMIN: admin, GATEWAY: gateway, PASSWORD: password } = process.env;
const origin = `http://${admin}`;
const US = "198.51.100.7", GERMAN = "203.0.113.7", VPN = "192.0.2.7";

const browser = await browse.start();
try {
  await operators();
  const anna = await browse.person(browser, origin, "anna");
  await browse.signIn(anna, "anna", password);
  const ben = await browse.person(browser, origin, "ben");
  await browse.signIn(ben, "ben", password);
  await catalogue(anna, ben);
  await rule(anna, ben);
  await asOf(anna);
  await heldOrder(anna, ben);
  await evidence(ben);
  await watching(ben);
} catch (error) {
  browse.faults.push(error.stack);
  await browse.failure(browser);
} finally {
  await browser.close();
}
browse.finish();

/// Somebody who has never been here is led in, makes a colleague an account, and everybody may open what is theirs.
async function operators() {
  const olga = await browse.person(browser, origin, "olga");
  olga.expects(/status of 401/);
  await olga.goto("/operators");
  await olga.waitForURL(/\/sign-in\?next=/);
  await browse.inspect(olga, "/sign-in", "sign-in");
  await browse.picture(olga, "sign-in");
  await olga.getByLabel("Name", { exact: true }).fill("olga");
  await olga.getByLabel("Password", { exact: true }).fill("not the password at all");
  await olga.getByRole("button", { name: "Sign in" }).click();
  await olga.getByRole("alert").getByText("do not go together").waitFor();
  await browse.signIn(olga, "olga", password);
  await browse.inspect(olga, "/operators", "operators");
  await olga.getByRole("button", { name: "Add an operator" }).click();
  const dialog = olga.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("vera");
  await dialog.getByLabel("What the person is called").fill("Vera <b>Viewer</b>");
  await dialog.getByRole("checkbox", { name: /^Viewer/ }).check();
  await dialog.getByLabel("First password").fill(password);
  await dialog.getByLabel("Why").fill("New colleague in operations");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await olga.waitForURL(/\/operators\/vera$/);
  await browse.inspect(olga, "/operators/vera", "one operator");
  await olga.goto("/operators");
  await olga.getByText("Vera <b>Viewer</b>").waitFor();
  await browse.picture(olga, "operators");
  const vera = await browse.person(browser, origin, "vera");
  await browse.signIn(vera, "vera", password);
  vera.expects(/status of 403/);
  await vera.goto("/operators");
  await vera.getByText("needs one of these roles").waitFor();
  await browse.inspect(vera, "/", "overview of a viewer");
  await vera.getByRole("button", { name: "Sign out" }).click();
  await vera.waitForURL(/\/sign-in/);
  await vera.goto("/");
  await vera.waitForURL(/\/sign-in/);
  await olga.context().close();
  await vera.context().close();
}

/// What a customer asks the gateway for, as the proxy in front would tell it.
async function order(client, country, sku, title, vendor, more = {}) {
  const answer = await fetch(`http://${gateway}/api/orders`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Forwarded-For": client },
    body: JSON.stringify({ billing: { country }, lines: [{ sku, title, vendor, quantity: 1 }], ...more }),
  });
  await answer.arrayBuffer();
  const decision = answer.headers.get("interdict-decision") ?? "";
  return { status: answer.status, id: decision.split("id=")[1] };
}

function covered(client, country, more) {
  return order(client, country, "KL1047GDEFS", "Kaspersky Premium", "Kaspersky", more);
}

/// A list with a bad row is told line by line; a good one is proposed by one person, approved by another, and holds at once.
async function catalogue(anna, ben) {
  const bundle = () => order(US, "US", "BUNDLE-7", "Safe Office bundle", "Example Shop");
  const before = await bundle();
  await anna.goto("/registry/unknown");
  await browse.until("the SKU is seen", async () => {
    await anna.reload();
    return anna.getByText("BUNDLE-7").first().isVisible();
  });
  await browse.inspect(anna, "/registry/unknown", "unknown SKUs");
  await browse.inspect(anna, "/registry/imports", "imports");
  const upload = async (text) => {
    await anna.goto("/registry/imports");
    await anna.getByLabel("File", { exact: true }).setInputFiles({ name: "catalogue.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
    await anna.getByRole("button", { name: "Upload and compare" }).click();
    await anna.waitForURL(/\/registry\/imports\/.+/);
  };
  await upload("sku,name,vendor,group\nBUNDLE-7,Safe Office bundle,Example Shop,kaspersky.everything\n");
  await anna.getByText("so it cannot be proposed").waitFor();
  await browse.inspect(anna, anna.url(), "an import with faults");
  await browse.picture(anna, "import-faults");
  await upload("sku,name,vendor,group\nBUNDLE-7,Safe Office bundle,Example Shop,kaspersky.covered\nMOUSE-1,Mouse,Example Shop,none\n");
  await anna.getByRole("heading", { name: "Propose it" }).waitFor();
  await anna.getByLabel("Why").first().fill("The bundle contains the covered product");
  await anna.getByRole("button", { name: "Propose", exact: true }).click();
  await anna.getByText("Somebody else approves").waitFor();
  await ben.goto(anna.url());
  await browse.inspect(ben, anna.url(), "an import to approve");
  await browse.picture(ben, "import-approval");
  for (const box of await ben.getByRole("checkbox").all()) await box.check();
  await ben.getByRole("button", { name: "Approve and apply" }).click();
  await ben.getByText("It is in force").waitFor();
  const after = await bundle();
  if (before.status === 451 || after.status !== 451) browse.faults.push(`the import: ${before.status}, then ${after.status}`);
  await browse.inspect(anna, "/registry/catalogue", "the catalogue");
  await browse.picture(anna, "catalogue");
  await browse.inspect(ben, "/registry/customers", "customers");
}

/// A rule is drafted by a form, checked against what was decided, approved by a second person, and changes the next answer.
async function rule(anna, ben) {
  const ask = async () => {
    const answer = await fetch(`http://${gateway}/v1/decide`, {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ action: "government_supply", items: [{ name: "Kaspersky Endpoint Security", vendor: "Kaspersky" }], buyer: { billing_country: "US" } }),
    });
    return (await answer.json()).verdict;
  };
  const before = await ask();
  await browse.inspect(anna, "/policies", "policies");
  await browse.picture(anna, "policies");
  await anna.getByRole("button", { name: "New draft" }).first().click();
  const begin = anna.getByRole("dialog");
  await begin.getByLabel("What is it for, in one line").fill("Hold what US government bodies are supplied with");
  await begin.getByLabel("What the approver should know").fill("Counsel asked for it until the agencies have answered.");
  await begin.getByRole("button", { name: "Begin" }).click();
  await anna.waitForURL(/\/policies\/\d+/);
  const version = anna.url().match(/policies\/(\d+)/)[1];
  await browse.inspect(anna, `/policies/${version}/edit`, "the policy editor");
  await anna.getByLabel("Short name").fill("government-supplies");
  await anna.getByLabel("Clause").fill("FD-1");
  await anna.getByLabel("It rests on").selectOption("policy");
  await anna.locator("input[name=action][value=government_supply]").check();
  await anna.locator("input[name=product][value='kaspersky.covered']").check();
  await anna.getByLabel("In force from").fill("2024-09-29T00:00:00");
  await anna.getByLabel("United States and US persons").selectOption("review");
  await anna.getByLabel("Where that is unclear").selectOption("review");
  await anna.getByLabel("What a refused customer is told").fill("Supplies to government bodies are held until a person has looked at them.");
  await anna.getByLabel("On what it rests, for a reader").fill("Advice of counsel of 25 November 2026");
  await anna.getByRole("button", { name: "Write the rule into the text" }).click();
  await anna.getByText("Written at the end of the text").waitFor();
  await browse.picture(anna, "policy-editor");
  await anna.getByRole("button", { name: "Save", exact: true }).first().click();
  await browse.until("the draft is saved", async () => (await anna.getByRole("status").or(anna.locator(".toast")).allInnerTexts()).join(" ").match(/[Ss]aved/));
  await anna.goto(`/policies/${version}`);
  await anna.getByRole("button", { name: "Run the checks" }).click();
  await anna.getByRole("button", { name: "Run again" }).waitFor({ timeout: 60_000 });
  await browse.inspect(anna, `/policies/${version}`, "a checked draft");
  const approve = async (person) => person.getByRole("button", { name: "Approve", exact: true });
  if (await (await approve(anna)).isVisible()) browse.faults.push("the author may approve");
  await ben.goto(`/policies/${version}`);
  await browse.inspect(ben, `/policies/${version}`, "a draft to approve");
  await browse.picture(ben, "policy-approval");
  const changed = await ben.locator(".tile", { hasText: "another verdict" }).locator(".value").innerText();
  if (changed === "0") browse.faults.push("the replay sees no change");
  const form = ben.locator("form[hx-post$='/approve']");
  await form.getByLabel("How many outcomes change?").fill(changed);
  await form.getByLabel("Why").fill("Agreed with counsel");
  await form.getByRole("button", { name: "Approve", exact: true }).click();
  const activate = ben.locator("form[hx-post$='/activate']");
  await activate.waitFor();
  await activate.getByLabel("Why").fill("Agreed with counsel");
  ben.once("dialog", (dialog) => dialog.accept());
  await activate.getByRole("button", { name: "Activate now" }).click();
  const after = await browse.until("the verdict changes", async () => { const now = await ask(); return now !== before && now; });
  if (before !== "allow" || after !== "review") browse.faults.push(`the rule: ${before}, then ${after}`);
}

/// What would have been decided, at any second.
async function asOf(anna) {
  await browse.inspect(anna, "/timeline", "the timeline");
  await anna.getByLabel("At (UTC)").fill("2024-09-29T03:59:59");
  await anna.getByLabel("Action").selectOption("signature_update");
  await anna.locator("#name").fill("Kaspersky Endpoint Security");
  await anna.locator("#billing_country").fill("US");
  await anna.getByRole("button", { name: "Ask", exact: true }).click();
  await anna.locator("#answer").getByText("Answered by").waitFor();
  await browse.accessible(anna, "an answer of the timeline");
  await browse.picture(anna, "timeline");
}

/// An order that nobody can tell about is held, released by two people, and passes once.
async function heldOrder(anna, ben) {
  const buy = () => covered(VPN, "DE", { email: "jane@company.example" });
  const held = await buy();
  if (held.status !== 403) browse.faults.push(`the order from behind a VPN: ${held.status}`);
  const place = await browse.until("the queue has it", async () => {
    await anna.goto("/reviews");
    for (const link of await anna.locator("[data-entry]").all()) {
      if ((await link.innerText()).startsWith("Orders of")) return link.getAttribute("href");
    }
    return null;
  });
  await browse.inspect(anna, "/reviews", "the review queue");
  await browse.picture(anna, "reviews");
  const entry = new URL(place, origin).href;
  await browse.inspect(anna, entry, "a hold");
  await anna.locator("input[name=outcome][value=release]").check();
  await anna.getByLabel("Because").selectOption({ index: 1 });
  await anna.getByLabel("Note").fill("Trade register and a call to the number in it");
  await browse.picture(anna, "review", { fullPage: true });
  await anna.getByRole("button", { name: "Recommend", exact: true }).click();
  await anna.getByRole("heading", { name: "Waits for a second person" }).waitFor();
  await ben.goto(entry);
  await browse.inspect(ben, entry, "a recommendation");
  await browse.picture(ben, "review-second-person", { fullPage: true });
  await ben.getByRole("button", { name: "Release", exact: true }).click();
  await ben.getByText("It passes as the clearance says").waitFor();
  const passed = await browse.until("the order passes", async () => { const now = await buy(); return now.status < 300 && now; });
  const again = await buy();
  if (again.status !== 403) browse.faults.push(`a guest's order passed twice: ${again.status}`);
  await browse.inspect(ben, "/clearances", "clearances");
  await browse.inspect(ben, `/decisions/${passed.id}`, "a decision under a clearance");
}

/// A refusal is found, explained, and proved by the browser; a report is opened and printed.
async function evidence(ben) {
  const blocked = await covered(US, "US", {});
  await browse.until("the record is searchable", async () => {
    await ben.goto(`/decisions?id=${blocked.id}`);
    return ben.getByRole("link").filter({ has: ben.locator("time") }).first().isVisible();
  });
  await browse.inspect(ben, "/decisions", "decisions");
  await browse.picture(ben, "decisions");
  await browse.inspect(ben, `/decisions/${blocked.id}`, "a decision");
  await ben.getByRole("button", { name: "Verify in this browser" }).click();
  await ben.locator("[data-verify-result]").getByText("Proven", { exact: true }).waitFor();
  await browse.accessible(ben, "a proof");
  await browse.picture(ben, "decision-proof", { fullPage: true });
  await browse.inspect(ben, "/ledger", "the ledger");
  await browse.picture(ben, "ledger");
  await browse.inspect(ben, "/access", "who looked");
  await browse.inspect(ben, "/reports", "reports");
  const opened = ben.context().waitForEvent("page");
  await ben.locator("a[href^='/admin/v1/reports']").first().click();
  const report = await opened;
  await report.waitForLoadState("load");
  if (!(await report.title()).match(/report/i)) browse.faults.push(`the report is called ${await report.title()}`);
  const paper = await report.pdf({ format: "A4", printBackground: true });
  if (paper.length < 10_000) browse.faults.push(`the printed report has ${paper.length} bytes`);
  await browse.picture(report, "report");
  await report.close();
}

/// Operations see on one screen that it works, while it works.
async function watching(ben) {
  await ben.goto("/");
  const clients = [[US, "US"], [GERMAN, "DE"], [GERMAN, "DE"], [GERMAN, "DE"], [VPN, "NL"], ["203.0.113.200", "PR"], ["192.0.2.200", "CA"]];
  let last;
  for (let n = 0; n < 12; n += 1) {
    for (const [client, country] of clients) last = await covered(client, country, {});
  }
  await browse.until("the stream shows decisions", async () => (await ben.locator("[data-stream-list] li").count()) > 5);
  await browse.until("the map shows them", async () => (await ben.locator("[data-map-rows] tr").count()) > 2, 40);
  await browse.accessible(ben, "the overview (light)");
  await browse.picture(ben, "overview", { fullPage: true });
  await ben.emulateMedia({ colorScheme: "dark" });
  await browse.accessible(ben, "the overview (dark)");
  await browse.picture(ben, "overview-dark");
  await ben.emulateMedia({ colorScheme: "light" });
  await ben.setViewportSize({ width: 390, height: 844 });
  await browse.fits(ben, "the overview on a phone");
  await browse.accessible(ben, "the overview (phone)");
  await browse.picture(ben, "overview-phone");
  await ben.setViewportSize({ width: 1360, height: 900 });
  void last;
}
