// Walks through the console in a real Chromium: node walk.mjs URL TOKEN CHROMIUM OUT. Prints one JSON line for each
// check; a check that throws is a failure. Console errors and violations of the content security policy fail the walk.
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";

const require = createRequire(new URL("../../../events/console/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [url, token, executablePath, out] = process.argv.slice(2);
const stepMs = 30_000;
mkdirSync(out, { recursive: true });

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
const page = await context.newPage();
page.setDefaultTimeout(stepMs);
const complaints = [];
let refusalsExpected = false; // a browser writes every answer of 400 into its console
page.on("console", (message) => {
  if (message.type() !== "error") return;
  if (refusalsExpected && message.text().startsWith("Failed to load resource")) return;
  complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(String(error)));

function same(actual, wanted, what) {
  if (actual !== wanted) throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`);
}
const filter = page.getByRole("combobox", { name: "Filter" });
const rows = page.locator(".row");
const total = page.locator(".histogram .count");
const totalIs = (text) => page.waitForFunction(([selector, wanted]) =>
  document.querySelector(selector)?.textContent === wanted, [".histogram .count", text]);
async function search(text) {
  await filter.fill(text);
  await filter.press("Escape");
  await filter.press("Enter");
}
const conditions = new Map();
const check = (name, run) => conditions.set(name, run);

check("token opens the console", async () => {
  await page.goto(url);
  await page.getByLabel("Token").fill("sluice_wrong");
  refusalsExpected = true;
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("alert").waitFor();
  refusalsExpected = false;
  await page.goto(`${url}/#token=${token}`);
  await page.reload();
  await rows.first().waitFor();
  same(new URL(page.url()).hash, "", "the token stays in no address");
});

check("first screen answers without typing", async () => {
  await totalIs("701");
  await page.getByRole("complementary", { name: "Facets" }).getByText("Dropbox").waitFor();
  await page.getByText(/1 gap/).waitFor();
  await page.screenshot({ path: `${out}/events-light.png` });
});

check("filter completes fields, operators and values", async () => {
  await filter.fill("");
  await filter.pressSequentially("bypass_tr");
  await page.getByRole("option", { name: /bypass_traffic/ }).click();
  await filter.pressSequentially("eq");
  await filter.press("Space");
  await page.getByRole("option", { name: /^yes/ }).click();
  await filter.pressSequentially("and app eq Drop");
  await page.getByRole("option", { name: /Dropbox/ }).waitFor();
  await filter.press("ArrowDown");
  await filter.press("Enter");
  await filter.press("Enter");
  same((await filter.inputValue()).trim(), "bypass_traffic eq yes and app eq Dropbox", "the filter");
  await page.waitForFunction(() => [...document.querySelectorAll(".row")].length > 0);
  await page.waitForURL(/q=bypass_traffic/);
});

check("a wrong filter shows where", async () => {
  refusalsExpected = true;
  await search("app eq Dropbox and hots eq x");
  await page.locator(".where mark").getByText("hots").waitFor();
  await page.getByRole("alert").getByText(/no field|not a field|unknown field/i).waitFor();
  await page.screenshot({ path: `${out}/filter-error.png` });
  await search("");
  await totalIs("701");
  refusalsExpected = false;
});

check("facets include and exclude", async () => {
  const facets = page.getByRole("complementary", { name: "Facets" });
  await facets.getByRole("button", { name: "block", exact: true }).click();
  await totalIs("59");
  await facets.getByRole("button", { name: "block", exact: true }).click();
  await totalIs("701");
  await facets.locator("li").filter({ hasText: "Dropbox" }).hover();
  await facets.getByRole("button", { name: "Exclude Application Dropbox" }).click();
  await totalIs("601");
  await search("");
  await totalIs("701");
});

check("dragging over the histogram zooms", async () => {
  const plot = await page.locator(".plot .u-over").boundingBox();
  await page.mouse.move(plot.x + plot.width * 0.985, plot.y + 40);
  await page.mouse.down();
  await page.mouse.move(plot.x + plot.width * 0.999, plot.y + 45, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/r=\d+-\d+/);
  await page.goBack();
  await totalIs("701");
});

check("drawer shows an event, as JSON, and both views of a flow", async () => {
  await search("app eq Dropbox");
  await totalIs("100");
  await rows.first().click();
  const drawer = page.getByRole("dialog", { name: "Event" });
  await drawer.getByText("client.dropbox.com").first().waitFor();
  await drawer.getByRole("tab", { name: "At client and PoP" }).click();
  await drawer.getByRole("columnheader", { name: "Client" }).waitFor();
  await drawer.getByRole("columnheader", { name: "PoP" }).waitFor();
  await page.screenshot({ path: `${out}/both-views.png` });
  await drawer.getByRole("tab", { name: "JSON" }).click();
  await drawer.locator("pre").getByText('"host": "client.dropbox.com"').waitFor();
  const shared = page.url();
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  await page.goto(shared);
  await page.getByRole("dialog", { name: "Event" }).waitFor();
  await page.keyboard.press("Escape");
});

check("the keyboard alone opens and closes an event", async () => {
  await search("");
  await totalIs("701");
  await rows.first().focus();
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.activeElement?.getAttribute("data-index") === "1");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Event" }).waitFor();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement?.getAttribute("data-index") === "1");
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "combobox");
});

check("a query is saved, found and deleted", async () => {
  await search("action eq block");
  await totalIs("59");
  await page.locator("summary", { hasText: "Saved" }).click();
  await page.getByLabel("Name of this query").fill("What is blocked");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: /What is blocked action/ }).waitFor();
  await search("");
  await totalIs("701");
  await page.getByRole("button", { name: /What is blocked action/ }).click();
  await totalIs("59");
  await page.getByRole("button", { name: "Delete What is blocked" }).click();
  await page.getByText("Nothing is saved yet.").waitFor();
  await page.locator("summary", { hasText: "Saved" }).click();
  await search("");
});

check("columns are chosen and stay in the address", async () => {
  await page.locator("summary", { hasText: "Columns" }).click();
  await page.getByLabel("JA4").check();
  await page.getByRole("columnheader", { name: "JA4" }).waitFor();
  await page.waitForURL(/cols=.*ja4/);
  await page.getByLabel("JA4").uncheck();
  await page.locator("summary", { hasText: "Columns" }).click();
});

check("export downloads what is filtered", async () => {
  await search("action eq block");
  await totalIs("59");
  await page.locator("summary", { hasText: "Export" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"),
    page.getByRole("button", { name: "CSV", exact: true }).click()]);
  const stream = await download.createReadStream();
  let text = "";
  for await (const piece of stream) text += piece;
  same(text.trim().split("\r\n").length, 60, "lines of the file");
  await page.locator("summary", { hasText: "Export" }).click();
  await search("");
});

check("markup in every field shows as text", async () => {
  await search('host like "script"');
  await totalIs("1");
  await rows.first().click();
  await page.getByRole("dialog", { name: "Event" }).getByText(/<script>window.broken="user"/).first().waitFor();
  same(await page.evaluate(() => window.broken), undefined, "a script of an event ran");
  await page.keyboard.press("Escape");
  await search("");
});

check("live tail follows, pauses and goes on", async () => {
  await page.getByRole("button", { name: "Live" }).click();
  await page.getByText("Following what is committed now.").waitFor();
  console.log(JSON.stringify({ need: "events" })); // the test feeds some now
  await rows.first().waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  console.log(JSON.stringify({ need: "events" }));
  await page.getByRole("button", { name: /Go on \([1-9]/ }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await page.getByRole("button", { name: "Live" }).click();
});

check("alerts, summaries, policy and fleet", async () => {
  await page.getByRole("link", { name: "Alerts" }).click();
  await page.getByRole("heading", { name: "Alerts" }).waitFor({ state: "attached" });
  await rows.first().waitFor();
  await page.getByRole("link", { name: "Summaries" }).click();
  await page.getByRole("region", { name: "Bypassed, by reason" }).getByText("certificate pinned app").waitFor();
  await page.screenshot({ path: `${out}/summaries.png` });
  await page.getByRole("link", { name: "Policy" }).click();
  await page.getByRole("rowheader", { name: "Block unwanted sites" }).first().waitFor();
  await page.getByLabel("Application").selectOption("Dropbox");
  await page.locator(".diff .added").first().waitFor();
  await page.screenshot({ path: `${out}/policy.png` });
  await page.getByRole("link", { name: "Fleet" }).click();
  await page.getByRole("rowheader", { name: /device-/ }).first().waitFor();
});

check("dark mode", async () => {
  await page.getByRole("link", { name: "Page events" }).click();
  await page.getByLabel("Colours").selectOption("dark");
  await rows.first().waitFor();
  const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  same(paper, "rgb(13, 19, 26)", "the paper");
  await page.screenshot({ path: `${out}/events-dark.png` });
});

check("no complaint in the browser's console", async () => {
  same(complaints.join("\n"), "", "complaints");
});

for (const [name, run] of conditions) {
  try {
    await run();
    console.log(JSON.stringify({ name, ok: true }));
  } catch (error) {
    await page.screenshot({ path: `${out}/failed.png` });
    console.log(JSON.stringify({ name, ok: false, detail: String(error.message ?? error).slice(0, 2_000) }));
    break; // what follows builds on it
  }
}
console.log(JSON.stringify({ count: conditions.size }));
await browser.close();
