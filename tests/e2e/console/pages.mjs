// Alerts, summaries, policy and fleet of a store that no PoP can be asked through; what an event brings stays text.
import {
  check, enter, expectRefusals, holds, newPage, page, picture, rows, runAll, same, search, settled, takeComplaints, theme,
  token, totalIs, url,
} from "./harness.mjs";

const status = page.getByRole("group", { name: "Store" });
const go = (name) => page.getByRole("link", { name, exact: true }).click();

check("alerts are what was blocked or raised an alert", async () => {
  await enter();
  await totalIs("701");
  await go("Alerts");
  await totalIs("112");
  await rows.locator(".badge").first().waitFor();
  const actions = await rows.locator(".badge").allTextContents();
  same([...new Set(actions)].sort(), ["alert", "block"], "actions");
});

check("summaries count, and lead to the events", async () => {
  await go("Summaries");
  const reasons = page.getByRole("region", { name: "Bypassed, by reason" });
  await reasons.getByRole("link").first().waitFor();
  same((await reasons.getByRole("listitem").first().locator("span").allTextContents()).slice(0, 2),
    ["certificate pinned app", "201"], "bypassed traffic by reason");
  for (const [title, name] of [["Applications", "Dropbox"], ["Sites", "dropbox.com"], ["Users", /^user1@/],
    ["Blocked, by rule", "Block unwanted sites"], ["Blocked sites", "dropbox.com"]]) {
    await page.getByRole("region", { name: title, exact: true }).getByText(name).first().waitFor();
  }
  await page.getByRole("button", { name: "Bars show events" }).click();
  await page.getByRole("button", { name: "Bars show bytes" }).waitFor();
  await picture("summaries");
  await reasons.getByRole("link").first().click();
  await totalIs("201");
});

check("policy shows hits of each rule, and why nothing can be changed", async () => {
  await go("Policy");
  const rule = page.getByRole("row", { name: /Block unwanted sites/ }).first();
  await rule.waitFor();
  same((await rule.getByRole("cell").allTextContents()).slice(0, 3), ["realtime", "block", "59"], "kind, action, hits");
  await page.getByText("No PoP can be changed from here").waitFor();
});

check("fleet shows the devices that events name", async () => {
  await go("Fleet");
  const device = page.getByRole("row", { name: /^device-1 / });
  await device.waitFor();
  same((await device.getByRole("cell").allTextContents()).slice(0, 3),
    ["LAPTOP-1", "user1@corp.example", "unknown"], "host name, user, tunnel");
  await page.getByRole("region", { name: "Client versions" }).getByText("1.4.2").waitFor();
  await page.getByRole("region", { name: "Who delivers" }).getByText("pop-tokyo-1").waitFor();
});

check("lag and gaps are in sight on every page and in a narrow window", async () => {
  for (const width of [1440, 1024, 390]) {
    await page.setViewportSize({ width, height: 844 });
    for (const name of ["Page events", "Alerts", "Summaries", "Policy", "Fleet"]) {
      await go(name);
      await status.getByText(/Delivered (just now|\d+ (s|min) ago)/).waitFor();
      await status.getByText("1 gap", { exact: true }).waitFor();
      const box = await status.boundingBox();
      holds(box.x >= 0 && box.x + box.width <= width && box.y < 200, `the status at ${width} on ${name}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      holds(wide <= width, `${name} is ${wide} wide in a window of ${width}`);
    }
    await picture(`fleet-${width}`);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await status.getByRole("link", { name: "1 gap" }).click();
  await page.locator(".row", { hasText: "gap" }).waitFor();
});

check("reading does not make the store look supplied, and a silent source is named", async () => {
  const later = await newPage();
  await later.clock.install();
  await enter("/", token, later);
  await totalIs("701", later);
  await later.clock.fastForward("06:00");
  const group = later.getByRole("group", { name: "Store" });
  await group.getByText("1 source silent").waitFor();
  await group.getByText(/Delivered [67] min ago/).waitFor();
  await later.context().close();
});

check("markup in every field shows as text, on every page", async () => {
  await go("Page events");
  await search('host like "script"');
  await totalIs("1");
  await rows.first().click();
  const drawer = page.getByRole("dialog", { name: "Event" });
  await drawer.getByRole("tab", { name: "JSON" }).click();
  const event = JSON.parse(await drawer.locator("pre").textContent());
  const texts = Object.values(event).flat().filter((text) => String(text).includes("<script>"));
  holds(texts.length > 40, `${texts.length} fields with markup`);
  await drawer.getByRole("tab", { name: "Details" }).click();
  const shown = await drawer.getByRole("tabpanel").textContent();
  same(texts.filter((text) => !shown.includes(text)), [], "fields that do not stand there as text");
  await page.keyboard.press("Escape");
  for (const name of ["Page events", "Alerts", "Summaries", "Policy", "Fleet"]) {
    await go(name);
    await settled();
    same(await page.evaluate(() => [window.broken, document.querySelectorAll("#root script, #root img[src=x]").length]),
      [null, 0], `scripts and pictures of an event on ${name}`);
  }
});

check("the content security policy holds", async () => {
  const answer = await page.goto(url);
  const policy = answer.headers()["content-security-policy"];
  holds(policy.startsWith("default-src 'none'; script-src 'self'; style-src 'self'"), policy);
  holds(!/unsafe|\*|http/.test(policy), policy);
  await totalIs("701");
  same(takeComplaints(), [], "complaints until now");
  const refused = await page.evaluate(async () => {
    const violations = [];
    document.addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
    document.body.append(Object.assign(document.createElement("script"), { textContent: "window.injected = 1" }));
    document.body.append(Object.assign(document.createElement("style"), { textContent: "body { color: red }" }));
    await fetch("https://elsewhere.example/").catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve));
    return [violations.sort(), window.injected];
  });
  same(refused, [["connect-src", "script-src-elem", "style-src-elem"], null], "what is refused");
  takeComplaints();
});

check("a page of another site reads nothing, not even with a token", async () => {
  const foreign = await newPage();
  await foreign.route("http://elsewhere.example/", (route) =>
    route.fulfill({ contentType: "text/html", body: "<title>elsewhere</title>" }));
  await foreign.goto("http://elsewhere.example/");
  expectRefusals(true);
  const read = await foreign.evaluate(([address, secret]) =>
    fetch(`${address}/api/sluice/v1/who`, { headers: { Authorization: `Bearer ${secret}` } })
      .then((got) => got.text(), () => "refused"), [url, token]);
  same(read, "refused", "the answer");
  takeComplaints(); // the browser says which rule kept it from reading
  expectRefusals(false);
  await foreign.context().close();
});

check("dark mode, and the choice stays", async () => {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await theme("dark");
  same(await paper(), "rgb(13, 19, 26)", "the paper in the dark");
  await page.reload();
  await totalIs("701");
  same(await paper(), "rgb(13, 19, 26)", "the paper after loading anew");
  await theme("system");
  await page.emulateMedia({ colorScheme: "dark" });
  same(await paper(), "rgb(13, 19, 26)", "the paper of a dark system");
  await page.emulateMedia({ colorScheme: "light" });
  same(await paper(), "rgb(244, 246, 248)", "the paper of a light system");
});

await runAll();
