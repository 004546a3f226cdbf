// What the walks through the console share: a real Chromium, checks by name, and one JSON line for each on standard
// output. A check that throws is a failure; console errors, violations of the content security policy, dialogs that a
// script of an event opened are too. Started as node WALK URL TOKEN CHROMIUM OUT [README_PICTURES].
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../../events/console/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axe = require("axe-core");
export const [url, token, executablePath, out, readmePictures] = process.argv.slice(2);
const stepMs = 30_000;
mkdirSync(out, { recursive: true });

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const size = { width: 1440, height: 900 };

const complaints = [];
let refusalsExpected = false; // a browser writes every answer of 400, and every one that did not come, into its console
export const expectRefusals = (on) => { refusalsExpected = on; };

// A browser of its own: nothing is shared with other pages.
export async function newPage(options = {}) {
  const context = await browser.newContext({ viewport: size, acceptDownloads: true, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.setDefaultTimeout(stepMs);
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    if (refusalsExpected && message.text().startsWith("Failed to load resource")) return;
    complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return page;
}
export const page = await newPage();

// The complaints so far, which then count no more: for checks that provoke some.
export const takeComplaints = () => complaints.splice(0);

export function same(actual, wanted, what) {
  const [one, other] = [actual, wanted].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${what}: ${one} instead of ${other}`);
}
export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

export const picture = (name, of = page) => of.screenshot({ path: `${out}/${name}.png` });
// A picture that README.md shows; replaced there when the test is asked to (tests/README.md).
export async function readmePicture(name, of = page) {
  await picture(name, of);
  if (readmePictures) await of.screenshot({ path: `${readmePictures}/${name}.png` });
}
export const theme = (name, of = page) => of.getByLabel("Colours").selectOption(name);

// Parts of the events page.
export const rows = page.locator(".row");
export const filter = page.getByRole("combobox", { name: "Filter" });
export const facets = page.getByRole("complementary", { name: "Facets" });
export const totalIs = (text, of = page) =>
  of.waitForFunction(([selector, wanted]) => document.querySelector(selector)?.textContent === wanted,
    [".histogram .count", text]);
export async function search(text) {
  await filter.fill(text);
  await filter.press("Escape");
  await filter.press("Enter");
}
// Nothing is being asked for any more.
export async function settled(of = page) {
  await of.waitForFunction(() => document.querySelector("main") && !document.querySelector("[aria-busy=true]"));
}
export const openMenu = (name, of = page) => of.locator("details.menu > summary", { hasText: name }).click();

// Opens an address with a token, as quickstart's link does.
export async function enter(path = "/", secret = token, of = page) {
  await of.goto("about:blank"); // another fragment alone would load nothing
  await of.goto(`${url}${path}#token=${secret}`);
}

// What axe-core finds wrong with the page as it stands.
export async function accessible(what, of = page) {
  if (!(await of.evaluate("typeof axe === 'object'"))) await of.evaluate(axe.source);
  const { violations } = await of.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html).join(" | ")}`);
  same(told, [], `accessibility of ${what}`);
}

// Asks the test for something and waits until it is done; resolves to its answer.
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export async function ask(need) {
  console.log(JSON.stringify({ need }));
  return JSON.parse((await answers.next()).value);
}

const checks = new Map();
export const check = (name, run) => checks.set(name, run);

export async function runAll() {
  check("no complaint in the browser's console", async () => same(complaints, [], "complaints"));
  for (const [name, run] of checks) {
    try {
      await run();
      console.log(JSON.stringify({ name, ok: true }));
    } catch (error) {
      await picture("failed");
      console.log(JSON.stringify({ name, ok: false, detail: String(error.message ?? error).slice(0, 2_000) }));
      break; // what follows builds on it
    }
  }
  console.log(JSON.stringify({ count: checks.size }));
  await browser.close();
  process.exit(0); // standard input is still open
}
