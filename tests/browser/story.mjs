// The whole story in a real browser, as compliance and operations would live it (docs/console.md).
import * as browse from "./harness.mjs";

const { ADMIN: admin, GATEWAY: gateway, PASSWORD: password } = process.env;
const origin = `http://${admin}`;

const browser = await browse.start();
try {
  await operators();
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
