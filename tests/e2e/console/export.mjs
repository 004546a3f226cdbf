// Exports: a few events at once, many as a file that the store makes first.
import { createInterface } from "node:readline";
import { ask, check, enter, holds, openMenu, page, picture, runAll, same, search, totalIs } from "./harness.mjs";

async function linesOf(download) {
  const lines = [];
  for await (const line of createInterface({ input: await download.createReadStream() })) lines.push(line);
  return lines;
}
async function fetchAs(format) {
  const [download] = await Promise.all([page.waitForEvent("download"),
    page.getByRole("button", { name: format, exact: true }).click()]);
  return download;
}

check("a few events come at once, with the columns of the table", async () => {
  await enter();
  await search("action eq block");
  const blocked = await page.waitForFunction(() => document.querySelector(".legend")?.textContent.startsWith("block") &&
    Number(document.querySelector(".histogram .count").textContent.replace(",", "")));
  await openMenu("Export");
  const download = await fetchAs("CSV");
  same(download.suggestedFilename(), "page-events.csv", "the file's name");
  const lines = await linesOf(download);
  same(lines.length, 1 + (await blocked.jsonValue()), "lines of the file");
  same(lines[0], "timestamp,action,user,app,host,bypass_reason_code,numbytes,duration_ms,policy,process_name", "columns");
  await page.getByText("Done: the file is among your downloads.").waitFor();
});

check("more than 10,000 are made into a file first, which tells how far it is", async () => {
  await page.keyboard.press("Escape");
  await search("");
  await totalIs("12,000");
  await openMenu("Export");
  await page.getByText("12,000 final events of this filter and time").waitFor();
  await page.evaluate(() => {
    window.told = [];
    const status = document.querySelector(".panel.export [role=status]");
    new MutationObserver(() => window.told.push(status.textContent)).observe(status,
      { characterData: true, childList: true, subtree: true });
  });
  const download = await fetchAs("NDJSON");
  const lines = await linesOf(download);
  same(new Set(lines.map((line) => JSON.parse(line)._id)).size, 12_000, "different events in the file");
  const told = await page.evaluate(() => window.told);
  holds(told.some((text) => /^[\d,]+ events are in the file/.test(text)), `progress: ${JSON.stringify(told)}`);
  await picture("export");
});

check("who may not export is told before, and what is missing", async () => {
  await enter("/", await ask("reader"));
  await totalIs("12,000");
  await openMenu("Export");
  await page.getByText("Your token reads; to export it needs the scope export.").waitFor();
  same(await page.getByRole("button", { name: "CSV", exact: true }).isDisabled(), true, "the button");
});

await runAll();
