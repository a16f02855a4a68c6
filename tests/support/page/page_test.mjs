// The page in a real browser. Usage: node page_test.mjs BASE_URL [SCREENSHOT_FOLDER]
//
// Needs playwright-core and axe-core (npm) installed in the folder it is started in, and Chromium at CHROMIUM or /usr/bin/chromium. Ends with
// 0, or with 1 and a message for each thing that is not as it should be. Reads only; BASE_URL has to serve a running task.

import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";

const require = createRequire(`${process.cwd()}/`);
const { chromium } = require("playwright-core");
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

const base = new URL(process.argv[2] ?? "http://127.0.0.1:8686/");
const shots = process.argv[3];
const failures = new Set();
const fail = (message) => failures.add(message);
const check = (isSo, message) => isSo || fail(message);
const grouped = (number) => new Intl.NumberFormat("en-US").format(number);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** A page that tells whatever it should not do. With `answers`, the API is what that gives. */
async function open(name, options = {}, answers) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  // A browser reports each answer with 503 (which `/healthz` gives if the task is not well) and each refused connection.
  page.on("console", (message) => {
    const isNetwork = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isNetwork) fail(`${name}: console: ${message.text()}`);
    if (message.type() === "warning") fail(`${name}: console: ${message.text()}`);
  });
  page.on("pageerror", (error) => fail(`${name}: ${error.stack}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.host !== base.host) fail(`${name}: a request to ${url.host}`);
    if (request.method() !== "GET") fail(`${name}: a request that may write: ${request.method()} ${url.pathname}`);
  });
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  if (answers) {
    await page.route("**/api/v1/snapshot*", (route) => answer(route, answers.snapshot()));
    await page.route("**/healthz", (route) => answer(route, answers.health?.() ?? { ok: true, task: "t", checks: [] }));
  }
  await page.goto(base.href);
  return page;
}

const answer = (route, value) => (value === null ? route.abort() : route.fulfill({ json: value }));
const text = (page, selector) => page.locator(selector).innerText();
const hasState = (page) => page.waitForFunction(() => document.querySelectorAll("#identity dd").length > 0, null, { timeout: 10_000 });
const violations = async (page, name) => (await page.evaluate(() => window.violations)).forEach((one) => fail(`${name}: policy: ${one}`));
const fetched = async (path) => (await fetch(new URL(path, base))).json();

const tests = {
  async "the answer carries the policy"() {
    const response = await fetch(base);
    const policy = response.headers.get("content-security-policy") ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
      check(policy.includes(part), `the policy lacks ${part}`);
    }
    const html = await response.text();
    check(!/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i.test(html), "the page has a script or a style inline");
  },

  async "numbers equal those of the API"() {
    const { status } = await fetched("/api/v1/snapshot");
    const frozen = await fetched("/api/v1/snapshot");
    const page = await open("numbers", {}, { snapshot: () => frozen });
    await hasState(page);
    check((await text(page, "#task")) === status.task, "the name of the task");
    const rows = page.locator("#tables-grid tbody tr");
    check((await rows.count()) === Math.min(1000, frozen.status.tables.length), "the number of tables");
    const names = await page.locator("#tables-grid thead th").allInnerTexts();
    const at = (name) => names.indexOf(name);
    for (const name of ["SchemaName", "TableName", "TableState", "FullLoadRows", "FullLoadErrorRows", "Inserts", "Updates", "Deletes",
      "Ddls", "in flight", "dead letters", "FullLoadStartTime", "LastUpdateTime"]) {
      check(at(name) >= 0, `no column ${name}: ${names}`);
    }
    for (const [index, table] of frozen.status.tables.slice(0, 20).entries()) {
      const cells = await rows.nth(index).locator("th, td").allInnerTexts();
      const expected = {
        TableName: table.table_name, FullLoadRows: grouped(table.full_load_rows), Inserts: grouped(table.applied_inserts),
        Ddls: grouped(table.applied_ddls), "in flight": grouped(table.in_flight_records),
        "dead letters": grouped(table.full_load_error_rows + table.change_error_rows),
      };
      for (const [name, value] of Object.entries(expected)) {
        check(cells[at(name)] === value, `${table.table_name} ${name}: ${cells[at(name)]}, not ${value}`);
      }
    }
    const numbers = (await page.locator("#identity .value").allInnerTexts()).map((number) => Number(number.replaceAll(",", "")));
    check(numbers[0] === numbers.slice(1).reduce((sum, number) => sum + number, 0), `the identity: ${numbers}`);
    check((await text(page, "#identity-state")).includes("Adds up"), "the identity is not said to hold");
    await violations(page, "numbers");
  },

  async "rows that do not add up are said to be a defect"() {
    const snapshot = await fetched("/api/v1/snapshot");
    snapshot.status.tables[0].read_records += 3;
    const page = await open("identity", {}, { snapshot: () => snapshot });
    await hasState(page);
    check((await text(page, "#identity-state")).includes("by 3"), "the difference is not named");
    check((await text(page, "#concerns")).includes("do not add up"), "the sentence says nothing of it");
  },

  async "foreign text stays text"() {
    const snapshot = await fetched("/api/v1/snapshot");
    const evil = "<img src=x onerror=alert(1)>\u202e\u0007";
    snapshot.status.task = evil;
    snapshot.status.last_failure = evil;
    snapshot.status.tables[0].table_name = evil;
    snapshot.status.shards.push({ shard_id: evil, records: 1, activity: { doubt: null, paced_percent: 0, rate_percent: 100,
      stall: { lasted_ms: 12_000, waits_for: "throughput" } } });
    snapshot.status.quarantined = [{ id: { queue: "changes", number: 1 }, key: evil, reason: evil }];
    snapshot.status.set_aside = 1;
    snapshot.status.outages = [{ side: "target", since_ms: Date.now() - 60_000, last_error: evil }];
    const page = await open("foreign", {}, {
      snapshot: () => snapshot, health: () => ({ ok: false, task: evil, checks: [{ name: "files", ok: false, detail: evil }] }),
    });
    await hasState(page);
    check((await page.locator("img").count()) === 0, "foreign text became an element");
    const body = await text(page, "body");
    check(!/[\u202e\u0007]/.test(body) && body.includes("\\u202e\\u0007"), "what steers text is not escaped");
    check(body.includes("nothing stored for 12 s: the service refuses its records"), "the cause of a stall is not said");
    check((await text(page, "#sentence")).startsWith("Waiting for the target"), "an outage is not in the sentence");
    await accessible(page, "foreign");
    await violations(page, "foreign");
  },

  async "a table is sorted by keyboard, and keeps the focus"() {
    const snapshot = await fetched("/api/v1/snapshot");
    const page = await open("sorting", {}, { snapshot: () => ({ ...snapshot, seq: Date.now() }) });
    await hasState(page);
    const button = page.locator("#tables-grid thead button").nth(4);
    await button.focus();
    await page.keyboard.press("Enter");
    const column = () => page.locator("#tables-grid tbody tr").evaluateAll((rows) => rows.map((row) => Number(row.children[4].textContent.replaceAll(",", ""))));
    const down = await column();
    check(down.every((value, index) => index === 0 || down[index - 1] >= value), `not sorted: ${down}`);
    check((await page.locator("#tables-grid th[aria-sort=descending]").count()) === 1, "no aria-sort");
    await page.keyboard.press("Space");
    const up = await column();
    check(up.every((value, index) => index === 0 || up[index - 1] <= value), `not sorted: ${up}`);
    await page.waitForTimeout(4500);
    check(await button.evaluate((element) => element === document.activeElement), "the focus is lost with an update");
    await page.keyboard.press("Enter");
    check((await page.locator("#tables-grid th[aria-sort]").count()) === 0, "the order of the task does not come back");
  },

  async "without an answer the page says for how long, and recovers"() {
    const snapshot = await fetched("/api/v1/snapshot");
    let isGone = false;
    const page = await open("stale", {}, { snapshot: () => (isGone ? null : { ...snapshot, seq: Date.now() }) });
    await hasState(page);
    check(await page.locator("#stale").isHidden(), "stale at once");
    isGone = true;
    await page.waitForFunction(() => /^stale for \d+ s$/.test(document.getElementById("stale").innerText), null, { timeout: 12_000 });
    check((await text(page, "#sentence")).startsWith("The task does not answer. Last known:"), "the sentence does not say so");
    check(!(await text(page, "#sentence")).includes("done in about"), "an old state foretells");
    await accessible(page, "stale");
    isGone = false;
    await page.waitForFunction(() => document.getElementById("stale").hidden, null, { timeout: 35_000 });
    check(!(await text(page, "#sentence")).includes("does not answer"), "the sentence stays stale");
  },

  async "a hidden page asks less, and at once when it is seen again"() {
    const snapshot = await fetched("/api/v1/snapshot");
    let asked = 0;
    const page = await open("hidden", {}, { snapshot: () => ((asked += 1), { ...snapshot, seq: Date.now() }) });
    await hasState(page);
    const turn = (state) => page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
    await turn(true);
    await page.waitForTimeout(3000);
    const before = asked;
    await page.waitForTimeout(9000);
    check(asked - before <= 2, `${asked - before} requests in 9 s while hidden`);
    const hidden = asked;
    await turn(false);
    await page.waitForTimeout(1000);
    check(asked > hidden, "no request when it is seen again");
  },

  async "eight tabs at once"() {
    const context = await browser.newContext();
    const pages = await Promise.all(Array.from({ length: 8 }, () => context.newPage()));
    await Promise.all(pages.map((page) => page.goto(base.href)));
    await Promise.all(pages.map(hasState)).catch(() => fail("not all of eight tabs have an answer"));
    await context.close();
  },

  async "accessible, and as wide as the window"() {
    const looks = [["light", 1280, 900, "light"], ["dark", 1280, 900, "dark"], ["360", 360, 800, "light"], ["360-dark", 360, 800, "dark"]];
    for (const [name, width, height, colorScheme] of looks) {
      const page = await open(name, { viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
      await hasState(page);
      await page.waitForTimeout(2500);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      check(wide <= width, `${name}: ${wide} px wide`);
      if (shots) await page.screenshot({ path: `${shots}/page-${name}.png`, fullPage: true });
      await accessible(page, name);
      await violations(page, name);
      await page.context().close();
    }
  },
};

async function accessible(page, name) {
  // Through the debugger, which the policy of the page does not bind.
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const { id, help, nodes } of found.violations) fail(`${name}: axe: ${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.target).join(" | ")}`);
}

for (const [name, test] of Object.entries(tests)) {
  const before = failures.size;
  await test().catch((error) => fail(`${name}: ${error.message}`));
  await Promise.all(browser.contexts().map((context) => context.close()));
  console.log(`${failures.size === before ? "ok  " : "FAIL"} ${name}`);
}
await browser.close();
failures.forEach((failure) => console.error(`error: ${failure}`));
process.exit(failures.size > 0 ? 1 : 0);
