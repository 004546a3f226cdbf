// An administrator blocks Dropbox with the mouse, and goes back.
import { ask, check, enter, page, picture, readmePicture, runAll, same, theme } from "./harness.mjs";

const tlsRefused = 35; // curl's exit code after a TLS alert
const walk = page.getByRole("region", { name: "Block an application" });
const apply = walk.getByRole("button", { name: "Apply to pop-1" });

check("who may only read sees the change, but cannot apply it", async () => {
  await enter("/policy", await ask("reader"));
  await walk.getByLabel("Application").selectOption("Dropbox");
  await walk.getByText("pop-1 has checked it: no problem.").waitFor();
  await walk.getByText("Your token reads; to apply it needs the scope admin.").waitFor();
  same(await apply.isDisabled(), true, "nothing can be applied");
  await page.getByRole("region", { name: "Versions" }).getByText("in force").waitFor();
  same(await page.getByRole("button", { name: /Go back/ }).count(), 0, "ways back");
});

check("the active policy is shown", async () => {
  await enter("/policy");
  await page.getByText("Active policy of pop-1").click();
  await page.getByLabel("policy.yaml").getByText("certificate_pinned_app: {app: Dropbox").waitFor();
  await page.getByText("Active policy of pop-1").click();
});

check("explain says that Dropbox passes", async () => {
  const explain = page.getByRole("region", { name: "Explain" });
  await explain.getByLabel("Host").fill("api.dropbox.com");
  await explain.getByLabel("Port").fill(String(await ask("port")));
  await explain.getByLabel("Process").fill("dropbox");
  await explain.getByRole("button", { name: "Explain" }).click();
  await explain.getByLabel("Explanation").getByText(/verdict {2}bypass: the flow goes direct/).waitFor();
});

check("the change is shown as a difference and checked by the PoP", async () => {
  same(await apply.isDisabled(), true, "nothing can be applied yet");
  await walk.getByLabel("Application").selectOption("Dropbox");
  await walk.locator(".diff .removed", { hasText: "certificate_pinned_app: {app: Dropbox" }).waitFor();
  for (const added of ["do_not_decrypt", "dropbox-urls, urls", "custom_categories", "name: Block Dropbox"]) {
    await walk.locator(".diff .added", { hasText: added }).first().waitFor();
  }
  await walk.getByText("pop-1 has checked it: no problem.").waitFor();
  await page.getByRole("region", { name: "Block an application" }).evaluate((card) => card.scrollIntoView());
  await readmePicture("policy-light");
  await theme("dark");
  await picture("policy-dark");
  await theme("light");
});

check("explain knows the change before it is applied", async () => {
  const explain = page.getByRole("region", { name: "Explain" });
  await explain.getByLabel("with the change on the left").check();
  await explain.getByRole("button", { name: "Explain" }).click();
  await explain.getByLabel("Explanation").getByText(/verdict {2}block, by real-time `Block Dropbox`/).waitFor();
});

check("apply puts it in force, and the next flow is blocked", async () => {
  same(await ask("fetch"), 0, "a fetch before");
  await walk.getByLabel("Put it in force").fill("ticket 4711");
  await apply.click();
  await walk.getByText(/Version \d+ is in force on pop-1/).waitFor();
  await ask("settle");
  same(await ask("fetch"), tlsRefused, "a fetch after");
  await walk.getByText("The connected client has it.").waitFor();
  await walk.getByText("Dropbox is blocked already: nothing would change.").waitFor();
  await page.getByRole("region", { name: "Versions" }).getByText("ticket 4711").waitFor();
  await picture("policy-applied");
});

check("its alert is one click away", async () => {
  await walk.getByRole("link", { name: "its alerts" }).click();
  await page.locator(".row", { hasText: "api.dropbox.com" }).first().waitFor();
  await picture("alerts");
});

check("the fleet shows the client and what it obeys", async () => {
  await page.getByRole("link", { name: "Fleet", exact: true }).click();
  const device = page.getByRole("row", { name: /laptop-1/ });
  await device.getByText("connected to pop-1").waitFor();
  const [, user, , client, applied, seen] = await device.getByRole("cell").allTextContents();
  const inForce = await page.getByRole("row", { name: /^pop-1 / }).locator("code").textContent();
  same([user, applied.trim()], ["anna@acme.test", inForce], "user, applied policy");
  same([/^\d+\.\d+\.\d+, /.test(client), /just now| ago$/.test(seen)], [true, true], "client, last seen");
  await picture("fleet-light");
  await theme("dark");
  await picture("fleet-dark");
  await theme("light");
});

check("the way back", async () => {
  await page.getByRole("link", { name: "Policy", exact: true }).click();
  const versions = page.getByRole("region", { name: "Versions" });
  await versions.getByRole("button", { name: "Go back to 1" }).click();
  await versions.getByRole("button", { name: "Really go back to 1" }).click();
  await versions.locator("li", { hasText: "Back to version 1" }).getByText("in force").waitFor();
  await ask("settle");
  same(await ask("fetch"), 0, "a fetch after going back");
});

await runAll();
