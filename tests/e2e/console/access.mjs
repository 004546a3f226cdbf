// For people who do not use a mouse, or do not see the screen: the keyboard does everything, axe-core finds nothing.
import {
  accessible, check, enter, expectRefusals, filter, newPage, openMenu, page, rows, runAll, same, search, settled, theme, totalIs,
  url,
} from "./harness.mjs";

const drawer = page.getByRole("dialog", { name: "Event" });
const focused = () => page.evaluate(() => {
  const element = document.activeElement;
  return element.getAttribute("aria-label") ?? element.textContent;
});

check("the keyboard skips to the content and finds the filter", async () => {
  await enter();
  await totalIs("701");
  await page.keyboard.press("Tab");
  same(await focused(), "Skip to content", "the first stop");
  await page.keyboard.press("Enter");
  same(await page.evaluate(() => document.activeElement.id), "main", "where it leads");
  await page.keyboard.press("/");
  same(await focused(), "Filter", "what / finds");
});

check("the keyboard walks through the table, and opens and closes an event", async () => {
  await rows.first().focus();
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.activeElement?.getAttribute("data-index") === "1");
  await page.keyboard.press("PageDown");
  await page.waitForFunction(() => document.activeElement?.getAttribute("data-index") === "16");
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.activeElement?.getAttribute("data-index") === "0");
  await page.keyboard.press("Enter");
  await drawer.waitFor();
  same(await focused(), "Close", "the focus is in the event");
  await drawer.getByRole("tab", { name: "Details" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await drawer.locator("pre").waitFor();
  same(await focused(), "JSON", "the tab");
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  await page.waitForFunction(() => document.activeElement?.getAttribute("data-index") === "0");
});

check("menus open and close by keyboard, and close when one goes on", async () => {
  const summary = page.locator("details.menu > summary", { hasText: "Columns" });
  await summary.focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("Find a column").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
  await page.getByLabel("Find a column").waitFor({ state: "hidden" });
  same(await summary.evaluate((element) => element === document.activeElement), true, "the focus is back");
  await page.keyboard.press("Enter");
  await page.getByLabel("Find a column").waitFor();
  await filter.click();
  await page.getByLabel("Find a column").waitFor({ state: "hidden" });
});

for (const [colours, width] of [["light", 1440], ["dark", 390]]) {
  check(`axe finds nothing, ${colours}, ${width} wide`, async () => {
    await page.setViewportSize({ width, height: 900 });
    await theme(colours);
    for (const name of ["Page events", "Alerts", "Summaries", "Policy", "Fleet"]) {
      await page.getByRole("link", { name, exact: true }).click();
      await settled();
      await accessible(`${name}, ${colours}, ${width}`);
    }
    await page.getByRole("link", { name: "Page events", exact: true }).click();
    await totalIs("701");
    for (const name of ["Last 24 hours", "Saved", "Columns", "Export"]) {
      await openMenu(name);
      await accessible(`the menu ${name}`);
      await page.keyboard.press("Escape");
    }
    await filter.fill("app eq Dro");
    await page.getByRole("option", { name: /Dropbox/ }).waitFor();
    await accessible("completion");
    await filter.press("Escape");
    await rows.first().click();
    for (const name of ["Details", "At client and PoP", "JSON"]) {
      await drawer.getByRole("tab", { name }).click();
      await accessible(`an event's ${name}`);
    }
    await page.keyboard.press("Escape");
    expectRefusals(true);
    await search("hots eq x");
    await page.locator(".where mark").waitFor();
    await settled(); // three questions are refused
    await accessible("a wrong filter");
    expectRefusals(false);
    await search("app eq NoSuchApp");
    await page.getByText("No event with this filter").waitFor();
    await accessible("nothing found");
    await search("");
  });
}

check("axe finds nothing where a token is asked for", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const login = await newPage({ colorScheme });
    expectRefusals(true);
    await login.goto(url);
    await login.getByLabel("A token opens this console").fill("x");
    await login.getByRole("button", { name: "Open" }).click();
    await login.getByRole("alert").waitFor();
    await accessible(`the login, ${colorScheme}`, login);
    expectRefusals(false);
    await login.context().close();
  }
});

await runAll();
