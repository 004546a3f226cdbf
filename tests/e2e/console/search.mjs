// An analyst finds events: filter, facets, histogram, table, drawer, saved queries, addresses that others open.
import {
  check, enter, expectRefusals, facets, filter, holds, newPage, openMenu, page, picture, rows, runAll, same, search, token,
  totalIs,
} from "./harness.mjs";

const drawer = page.getByRole("dialog", { name: "Event" });
const histogram = page.getByRole("region", { name: "Events over time" });
const number = async (locator) => Number((await locator.textContent()).replace(/\D/g, ""));

check("the first screen answers without typing", async () => {
  await enter();
  await totalIs("701");
  same(new URL(page.url()).hash, "", "the token stays in no address");
  await facets.getByRole("button", { name: "Dropbox", exact: true }).waitFor();
});

check("the filter completes fields, operators and values", async () => {
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
  await page.waitForURL(/q=bypass_traffic/);
  await totalIs("25");
});

check("a wrong filter shows where, also beside a page's own condition", async () => {
  expectRefusals(true);
  await search("app eq Dropbox and hots eq x");
  await page.locator(".where mark").getByText("hots").waitFor();
  await page.getByRole("alert").getByText(/no field/i).waitFor();
  same(await page.getByRole("alert").count(), 1, "the problem is told once");
  same(await filter.getAttribute("aria-invalid"), "true", "the filter is marked");
  await picture("filter-error");
  await page.getByRole("link", { name: "Alerts", exact: true }).click();
  await search("app eq Dropbox and hots eq x");
  await page.locator(".where mark").getByText("hots", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Page events", exact: true }).click();
  await totalIs("701");
  expectRefusals(false);
});

check("facets count, include and exclude", async () => {
  const blocked = facets.getByRole("listitem").filter({ has: page.getByRole("button", { name: "block", exact: true }) });
  same(await number(blocked.locator(".number")), 59, "how many were blocked");
  const block = facets.getByRole("button", { name: "block", exact: true });
  await block.click();
  await totalIs("59");
  same(await filter.inputValue(), "action eq block", "the filter");
  same(await block.getAttribute("aria-pressed"), "true", "the facet is chosen");
  await block.click();
  await totalIs("701");
  await facets.getByRole("button", { name: "Dropbox", exact: true }).hover();
  await facets.getByRole("button", { name: "Exclude Application Dropbox" }).click();
  await totalIs("601");
  await search("");
  await totalIs("701");
});

check("a facet narrows a query that only looks as if it demanded the value already", async () => {
  await search("app eq Dropbox or app eq DropboxPaper");
  await totalIs("100");
  const dropbox = facets.getByRole("button", { name: "Dropbox", exact: true });
  same(await dropbox.getAttribute("aria-pressed"), "false", "the facet is not chosen");
  await dropbox.click();
  await page.waitForURL(/q=%28app/);
  same(await filter.inputValue(), "(app eq Dropbox or app eq DropboxPaper) and app eq Dropbox", "the filter");
  await search("");
  await totalIs("701");
});

check("dragging over the histogram zooms, and there is a way out", async () => {
  const plot = await page.locator(".plot .u-over").boundingBox();
  await page.mouse.move(plot.x + plot.width * 0.9, plot.y + 40);
  await page.mouse.down();
  await page.mouse.move(plot.x + plot.width * 0.999, plot.y + 45, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/r=\d+-\d+/);
  await page.waitForFunction(() => document.querySelector(".histogram .count")?.textContent !== "701");
  const [from, to] = /r=(\d+)-(\d+)/.exec(page.url()).slice(1).map(Number);
  holds(to - from < 3 * 3_600_000, "a tenth of the day is chosen");
  const zoomed = await number(histogram.locator(".count"));
  holds(zoomed > 50 && zoomed < 300, `${zoomed} events of 701 in a tenth of the day`);
  await histogram.getByRole("button", { name: "Zoom out" }).click();
  await page.waitForFunction((before) =>
    Number(document.querySelector(".histogram .count").textContent) > before, zoomed);
  await page.goBack();
  await page.goBack();
  await totalIs("701");
});

check("the histogram stacks by action or by bypass", async () => {
  const legend = histogram.getByRole("list", { name: "Series" });
  await legend.getByText("block 59").waitFor();
  await histogram.getByLabel("Stack by").selectOption("Bypassed");
  await legend.getByText("not bypassed 500").waitFor();
  same((await legend.getByRole("listitem").allTextContents()).map((text) => text.trim()),
    ["not bypassed 500", "bypassed 201"], "the series");
  await page.waitForURL(/by=bypass_traffic/);
  await histogram.getByLabel("Stack by").selectOption("Action");
  await legend.getByText("block 59").waitFor();
});

check("the table holds only the rows in sight, and loads the rest as one scrolls", async () => {
  await page.getByText("200 rows so far").waitFor();
  while (!(await page.getByText("702 rows in all").isVisible())) {
    await page.locator(".scroller").evaluate((element) => element.scrollTo(0, element.scrollHeight));
  }
  await page.locator(".scroller").evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await page.waitForFunction(() => document.querySelector('.row[aria-rowindex="703"]') !== null);
  holds((await rows.count()) < 80, "few rows in the document");
  same(await page.getByRole("grid", { name: "Events" }).getAttribute("aria-rowcount"), "703", "rows and heading");
  await page.locator(".scroller").evaluate((element) => element.scrollTo(0, 0));
});

check("columns are found, chosen and stay in the address", async () => {
  await openMenu("Columns");
  await page.getByLabel("Find a column").fill("ja");
  await page.getByLabel("JA4").check();
  await page.keyboard.press("Escape");
  await page.getByRole("columnheader", { name: "JA4" }).waitFor();
  await rows.first().getByText(/^t13d/).waitFor();
  await page.waitForURL(/cols=.*ja4/);
});

check("an event shows its fields in groups, as JSON, and both views of its flow", async () => {
  await search("app eq Dropbox");
  await totalIs("100");
  await rows.first().click();
  await drawer.getByText("client.dropbox.com").first().waitFor();
  same(await drawer.getByRole("heading", { level: 3 }).allTextContents(),
    ["Verdict", "Who", "Where", "Bytes and time", "TLS", "Record"], "groups");
  holds(/ UTC$/.test(await drawer.locator("time").first().getAttribute("title")), "UTC on hover");
  await drawer.getByRole("tab", { name: "At client and PoP" }).click();
  await drawer.getByRole("columnheader", { name: "Client" }).waitFor();
  await drawer.getByRole("columnheader", { name: "PoP" }).waitFor();
  same(await drawer.locator("tr.differs", { hasText: "Observed by" }).locator("td").allTextContents(),
    ["laptop-7", "pop-tokyo-1"], "who saw it");
  await drawer.getByRole("tab", { name: "JSON" }).click();
  const event = JSON.parse(await drawer.locator("pre").textContent());
  same([event.host, event.record_type], ["client.dropbox.com", "page_event"], "the event");
  await drawer.getByRole("button", { name: "Copy" }).click();
  await drawer.getByRole("button", { name: "Copied" }).waitFor();
  same(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))._id, event._id, "the copied event");
});

check("a copied link shows others the same, once they have a token", async () => {
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Copied" }).first().waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  holds(!link.includes(token), "the token is in no link");
  const other = await newPage();
  expectRefusals(true); // the first question goes out without a token
  await other.goto(link);
  await other.getByLabel("A token opens this console").fill(token);
  await other.getByRole("button", { name: "Open" }).click();
  await other.getByRole("dialog", { name: "Event" }).getByText("client.dropbox.com").first().waitFor();
  expectRefusals(false);
  await totalIs("100", other);
  same(await other.getByRole("combobox", { name: "Filter" }).inputValue(), "app eq Dropbox", "the filter");
  await other.getByRole("columnheader", { name: "JA4" }).waitFor();
  await other.context().close();
  await drawer.getByRole("button", { name: "Close" }).click();
  await drawer.waitFor({ state: "detached" });
});

check("a value of an event narrows the list", async () => {
  await rows.first().click();
  const user = await rows.first().getByRole("gridcell").nth(2).textContent();
  await drawer.getByRole("button", { name: `Only User ${user}` }).click();
  await page.waitForURL(/user\+eq/);
  same(await filter.inputValue(), `app eq Dropbox and user eq ${user}`, "the filter");
  await page.keyboard.press("Escape");
});

check("a query is saved, found and deleted", async () => {
  await search("action eq block");
  await totalIs("59");
  await openMenu("Saved");
  await page.getByLabel("Name of this query").fill("What is blocked");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: /What is blocked action/ }).waitFor();
  await search("");
  await totalIs("701");
  await openMenu("Saved");
  await page.getByRole("button", { name: /What is blocked action/ }).click();
  await totalIs("59");
  await page.getByRole("button", { name: "Delete What is blocked" }).click();
  await page.getByText("Nothing is saved yet.").waitFor();
  await page.keyboard.press("Escape");
});

check("a filter that finds nothing says so, and what to do", async () => {
  await search("app eq NoSuchApp");
  await page.getByText("No event with this filter in this time range.").waitFor();
  await page.getByRole("button", { name: "Show the last 7 days" }).click();
  await page.waitForURL(/r=7d/);
  await page.getByRole("button", { name: "Clear the filter" }).first().click();
  await rows.first().waitFor();
});

check("a time range is chosen, and a wrong one refused", async () => {
  await openMenu("Last 7 days");
  await page.getByLabel("From").fill("2026-01-02T00:00:00");
  await page.getByLabel("To", { exact: true }).fill("2026-01-01T00:00:00");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.getByText("“From” has to be before “To”.").waitFor();
  await page.getByLabel("To", { exact: true }).fill("2026-01-02T01:00:00");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.locator("summary", { hasText: "2026-01-02 00:00:00 – 01:00:00" }).waitFor();
  await page.getByText("No event in this time range.").waitFor();
});

await runAll();
