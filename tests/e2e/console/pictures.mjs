// The pictures of events in README.md: a day of a company with offices in three cities (tests/support/office.h).
import { check, enter, facets, page, picture, readmePicture, rows, runAll, search, theme, totalIs } from "./harness.mjs";

check("a day of events in light and dark", async () => {
  await enter();
  await totalIs("7,500");
  await facets.getByRole("button", { name: "Microsoft 365", exact: true }).waitFor();
  await theme("light");
  await readmePicture("events-light");
  await theme("dark");
  await readmePicture("events-dark");
  await theme("light");
});

check("bypassed traffic by reason", async () => {
  await page.getByRole("link", { name: "Summaries", exact: true }).click();
  await page.getByRole("region", { name: "Bypassed, by reason" }).getByText("certificate pinned app").waitFor();
  await picture("summaries");
});

check("one flow as client and PoP saw it", async () => {
  await page.getByRole("link", { name: "Page events", exact: true }).click();
  await search("app eq Dropbox and bypass_traffic eq yes");
  await page.waitForURL(/q=app/);
  await rows.first().getByText("Dropbox").first().waitFor();
  await rows.first().click();
  await page.getByRole("tab", { name: "At client and PoP" }).click();
  await page.getByRole("columnheader", { name: "Client" }).waitFor();
  await readmePicture("both-views");
});

await runAll();
