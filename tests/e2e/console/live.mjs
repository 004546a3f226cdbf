// The live tail, and a store that goes away and comes back.
import { ask, check, enter, expectRefusals, page, picture, rows, runAll, same, totalIs } from "./harness.mjs";

const live = page.getByRole("button", { name: "Live" });
const shown = (count) => page.waitForFunction((wanted) =>
  document.querySelectorAll(".row").length === wanted, count);
const ids = () => rows.evaluateAll((all) => all.map((row) => row.textContent));

check("the tail follows what is committed", async () => {
  await enter();
  await totalIs("701");
  await live.click();
  await page.getByText("Following what is committed now.").waitFor();
  await page.getByText("Waiting for events.").waitFor();
  await ask("events");
  await shown(5);
});

check("a pause holds what comes, and shows it afterwards", async () => {
  await page.getByRole("button", { name: "Pause" }).click();
  await ask("events");
  await page.getByRole("button", { name: "Go on (5 held)" }).waitFor();
  same(await rows.count(), 5, "rows while paused");
  await page.getByRole("button", { name: "Go on (5 held)" }).click();
  await shown(10);
});

check("a tail whose store was killed misses nothing and shows nothing twice", async () => {
  expectRefusals(true);
  await ask("kill");
  await page.getByText("Connecting … what is committed meanwhile comes afterwards.").waitFor();
  await page.route("**/events/tail*", (route) => route.abort()); // so that events are committed before it is back
  await ask("start");
  await ask("events");
  await page.unroute("**/events/tail*");
  await page.getByText("Following what is committed now.").waitFor();
  await shown(15);
  await ask("events");
  await shown(20);
  same(new Set(await ids()).size, 20, "different rows");
  expectRefusals(false);
  await live.click();
  await totalIs("701");
});

check("a page whose store is gone says so, and goes on by itself", async () => {
  await page.getByRole("button", { name: "Refresh" }).click();
  await totalIs("721");
  expectRefusals(true);
  await ask("kill");
  await page.getByRole("alert").getByText("The event store does not answer.").waitFor();
  await page.getByText(/this page goes on by itself when sluice-events is back/).waitFor();
  await page.getByRole("group", { name: "Store" }).getByText("Store unreachable").waitFor();
  same(await rows.count() > 5, true, "what was shown stays");
  await picture("store-gone");
  await page.route("**/stats", (route) => route.abort()); // so that the page notices only when there is something new
  await ask("start");
  await ask("events");
  await page.unroute("**/stats");
  await page.getByRole("alert").waitFor({ state: "detached" });
  expectRefusals(false);
  await totalIs("726");
});

await runAll();
