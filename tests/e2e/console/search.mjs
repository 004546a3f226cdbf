// Walks through the console: node walk.mjs URL TOKEN CHROMIUM OUT.
import { ask, check, expectRefusals, page, picture, runAll, same, theme, token, url } from "./harness.mjs";

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

check("token opens the console", async () => {
  expectRefusals(true); // the first question goes out without a token
  await page.goto(url);
  await page.getByLabel("Token").fill("sluice_wrong");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("alert").waitFor();
  expectRefusals(false);
  await page.goto(`${url}/#token=${token}`);
  await page.reload();
  await rows.first().waitFor();
  same(new URL(page.url()).hash, "", "the token stays in no address");
});

check("first screen answers without typing", async () => {
  await totalIs("701");
  const facets = page.getByRole("complementary", { name: "Facets" });
  await facets.getByRole("button", { name: "Dropbox", exact: true }).waitFor();
  await page.getByText(/1 gap/).waitFor();
  await picture("events-light");
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
  expectRefusals(true);
  await search("app eq Dropbox and hots eq x");
  await page.locator(".where mark").getByText("hots").waitFor();
  await page.getByRole("alert").getByText(/no field|not a field|unknown field/i).waitFor();
  await picture("filter-error");
  await search("");
  await totalIs("701");
  expectRefusals(false);
});

check("facets include and exclude", async () => {
  const facets = page.getByRole("complementary", { name: "Facets" });
  await facets.getByRole("button", { name: "block", exact: true }).click();
  await totalIs("59");
  await facets.getByRole("button", { name: "block", exact: true }).click();
  await totalIs("701");
  await facets.getByRole("button", { name: "Dropbox", exact: true }).hover();
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
  await picture("both-views");
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
  await ask("events");
  await rows.first().waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await ask("events");
  await page.getByRole("button", { name: /Go on \([1-9]/ }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();
  await page.getByRole("button", { name: "Live" }).click();
});

check("alerts, summaries, policy and fleet", async () => {
  await page.getByRole("link", { name: "Alerts", exact: true }).click();
  await page.getByRole("heading", { name: "Alerts" }).waitFor({ state: "attached" });
  await rows.first().waitFor();
  await page.getByRole("link", { name: "Summaries", exact: true }).click();
  await page.getByRole("region", { name: "Bypassed, by reason" }).getByText("certificate pinned app").waitFor();
  await picture("summaries");
  await page.getByRole("link", { name: "Policy", exact: true }).click();
  await page.getByRole("rowheader", { name: "Block unwanted sites" }).first().waitFor();
  await page.getByText("No PoP can be changed from here").waitFor();
  await page.getByRole("link", { name: "Fleet", exact: true }).click();
  await page.getByRole("rowheader", { name: /device-/ }).first().waitFor();
});

check("dark mode", async () => {
  await page.getByRole("link", { name: "Page events", exact: true }).click();
  await theme("dark");
  await rows.first().waitFor();
  const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  same(paper, "rgb(13, 19, 26)", "the paper");
  await picture("events-dark");
});

await runAll();
