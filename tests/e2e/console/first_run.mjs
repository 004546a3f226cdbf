// What a person meets who opens the console for the first time, or with a token that is no good.
import { ask, check, enter, expectRefusals, page, picture, rows, runAll, same, search, url } from "./harness.mjs";

const field = page.getByLabel("A token opens this console");
const problem = page.getByRole("alert");
async function tryToken(secret) {
  await field.fill(secret);
  await page.getByRole("button", { name: "Open" }).click();
}
const notAccepted = "This token is not accepted: it is unknown, revoked or expired. Ask for a new one.";

check("without a token the console asks for one and says who makes it", async () => {
  expectRefusals(true); // a browser notes every 401
  await page.goto(url);
  await field.waitFor();
  same(await problem.count(), 0, "nothing is wrong yet");
  await page.getByText("sluicectl token create NAME --scope read,export").waitFor();
  await picture("login");
});

check("a wrong token, and one of another tenant, are refused in one sentence", async () => {
  await tryToken("sluice_wrong");
  await problem.getByText(notAccepted).waitFor();
  await page.reload();
  await tryToken(await ask("foreign"));
  await problem.getByText(notAccepted).waitFor();
  same(await page.evaluate(() => sessionStorage.length), 0, "refused tokens that are kept");
});

check("a token without the scope read says which scope it needs", async () => {
  await tryToken(await ask("exporter"));
  await problem.getByText("The token has not the scope read. Ask for one with the scope read.").waitFor();
  await enter("/", await ask("exporter"));
  await page.getByRole("heading", { name: "This token may not read events" }).waitFor();
  await page.getByRole("button", { name: "Use another token" }).click();
  await field.waitFor();
});

check("a store without events says how they get there, and shows the first by itself", async () => {
  await tryToken(await ask("reader"));
  await page.getByText("No event has arrived yet.").waitFor();
  await page.getByText(/Name this store in a PoP’s configuration/).waitFor();
  await page.getByRole("group", { name: "Store" }).getByText("Nothing delivered yet").waitFor();
  await picture("no-events");
  await ask("events");
  await rows.first().waitFor();
});

check("a token that is revoked meanwhile ends the session, a new one goes on at the same place", async () => {
  await search("user exists");
  await page.waitForURL(/q=user\+exists/);
  await ask("revoke");
  await problem.getByText(notAccepted).waitFor();
  await tryToken(await ask("reader"));
  await rows.first().waitFor();
  same(new URL(page.url()).search, "?q=user+exists", "the place");
});

check("a token that expires does the same", async () => {
  await enter("/", await ask("short"));
  await problem.getByText(notAccepted).waitFor();
});

check("a store that does not answer at first is asked again", async () => {
  await page.route("**/api/**", (route) => route.abort());
  await enter("/", await ask("reader"));
  await page.getByRole("heading", { name: "The event store does not answer" }).waitFor();
  await page.getByText("This page asks again every few seconds and opens by itself.").waitFor();
  await picture("no-answer");
  await page.unroute("**/api/**");
  await rows.first().waitFor();
  expectRefusals(false);
});

await runAll();
