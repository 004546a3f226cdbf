// What the walks through the console share: a real Chromium, checks by name, and one JSON line for each on standard
// output. A check that throws is a failure; console errors and violations of the content security policy are too.
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../../events/console/package.json", import.meta.url));
const { chromium } = require("playwright-core");
export const [url, token, executablePath, out] = process.argv.slice(2);
const stepMs = 30_000;
mkdirSync(out, { recursive: true });

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
export const page = await context.newPage();
page.setDefaultTimeout(stepMs);

const complaints = [];
let refusalsExpected = false; // a browser writes every answer of 400 into its console
page.on("console", (message) => {
  if (message.type() !== "error") return;
  if (refusalsExpected && message.text().startsWith("Failed to load resource")) return;
  complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(String(error)));
export const expectRefusals = (on) => { refusalsExpected = on; };

export function same(actual, wanted, what) {
  if (actual !== wanted) throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`);
}

export const picture = (name) => page.screenshot({ path: `${out}/${name}.png` });
export const theme = (name) => page.getByLabel("Colours").selectOption(name);

// Asks the test for something and waits until it is done; resolves to its answer.
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export async function ask(need) {
  console.log(JSON.stringify({ need }));
  return JSON.parse((await answers.next()).value);
}

const checks = new Map();
export const check = (name, run) => checks.set(name, run);

export async function runAll() {
  check("no complaint in the browser's console", async () => same(complaints.join("\n"), "", "complaints"));
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
