// The page in a real browser. Usage: node page_test.mjs BASE_URL [SCREENSHOT_FOLDER]
//
// Needs playwright-core and axe-core (npm) installed in the folder it is started in, and Chromium at CHROMIUM or /usr/bin/chromium. Ends with
// 0, or with 1 and a message for each thing that is not as it should be. BASE_URL has to serve a running task that takes orders with the
// token in PAGE_TOKEN; it is paused and resumed, and otherwise only asked what it would do. No value of its rows holds PAGE_CANARY
// but those of its dead letters.

import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";

const require = createRequire(`${process.cwd()}/`);
const { chromium } = require("playwright-core");
const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

const base = new URL(process.argv[2] ?? "http://127.0.0.1:8686/");
const shots = process.argv[3];
const token = process.env.PAGE_TOKEN ?? "";
const canary = process.env.PAGE_CANARY ?? "";
const ORDERS = ["pause", "resume", "stop", "tables/reload", "tables/resume", "files/decide", "dead-letters/replay"].map((name) => `/api/v1/${name}`);
const failures = new Set();
const fail = (message) => failures.add(message);
const check = (isSo, message) => isSo || fail(message);
const grouped = (number) => new Intl.NumberFormat("en-US").format(number);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/**
 * A page that tells whatever it should not do. With `answers`, the API is what that gives; without, it is the task's own, and the
 * token is given. Each press of a button, and each token, allows one order and no more.
 */
async function open(name, options = {}, answers) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.allowed = 0;
  page.orders = [];
  // A browser reports each answer with 401, 409 or 503 (which `/healthz` gives if the task is not well) and each refused connection.
  page.on("console", (message) => {
    const isNetwork = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isNetwork) fail(`${name}: console: ${message.text()}`);
    if (message.type() === "warning") fail(`${name}: console: ${message.text()}`);
  });
  page.on("pageerror", (error) => fail(`${name}: ${error.stack}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.host !== base.host) fail(`${name}: a request to ${url.host}`);
    if (token && request.url().includes(token)) fail(`${name}: the token is in a URL`);
    if (request.method() === "GET") return;
    const isOrder = request.method() === "POST" && ORDERS.includes(url.pathname) && url.search === "";
    page.allowed -= 1;
    if (!isOrder || page.allowed < 0) fail(`${name}: a request that may write, and nobody asked for: ${request.method()} ${url.pathname}`);
    page.orders.push({ path: url.pathname, body: request.postDataJSON() });
  });
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  if (answers) {
    await page.route("**/api/v1/**", (route) => answerOf(route, answers));
    await page.route("**/healthz", (route) => answer(route, answers.health?.() ?? { ok: true, task: "t", checks: [] }));
  }
  await page.goto(base.href);
  if (!answers && token) await giveToken(page, token);
  return page;
}

const LISTS = {
  files: { files: [] }, "dead-letters": { total: 0, dead_letters: [] }, events: { events: [] },
  checkpoint: { queues: [], unfinished: [] },
};

/** `answers.token` is asked for everything then, `answers.orderToken` for orders; `answers.order` gives `[code, value]`. */
async function answerOf(route, answers) {
  const request = route.request();
  const given = request.headers().authorization;
  const wanted = request.method() === "GET" ? answers.token : answers.token ?? answers.orderToken;
  if (wanted && given !== `Bearer ${wanted}`) return route.fulfill({ status: 401, json: { error: "send the token" } });
  const name = new URL(request.url()).pathname.replace("/api/v1/", "");
  if (request.method() === "GET") {
    return answer(route, name === "snapshot" ? answers.snapshot() : (answers.lists?.[name] ?? LISTS[name]));
  }
  const [status, json] = await answers.order(name, request.postDataJSON());
  return route.fulfill({ status, json });
}

async function giveToken(page, text) {
  page.allowed += 1;
  await page.locator("#token").fill(text);
  await page.keyboard.press("Enter");
}

/** Presses a button with the keyboard; that allows one order. */
async function press(page, name) {
  const button = page.getByRole("button", { name, exact: true });
  await button.and(page.locator(":not([aria-disabled=true])")).first().waitFor({ timeout: 10_000 });
  page.allowed += 1;
  await button.first().focus();
  await page.keyboard.press("Enter");
}

const done = (message, problem = null, report = {}) => [200, { message, report, problem }];
const answer = (route, value) => (value === null ? route.abort() : route.fulfill({ json: value }));
const focusedId = (page) => page.evaluate(() => document.activeElement.id);
const shows = (page, selector, part) =>
  page.waitForFunction(([one, wanted]) => document.querySelector(one)?.innerText.includes(wanted), [selector, part], { timeout: 10_000 })
    .catch(async () => fail(`${selector} does not say ${part}: ${await text(page, selector).catch(() => "it is hidden")}`));
/** As the page shows foreign text. */
const printed = (foreign) => foreign.replace("\u202e", "\\u202e").replace("\u0007", "\\u0007");
const text = (page, selector) => page.locator(selector).innerText();
const hasState = (page) => page.waitForFunction(() => document.querySelectorAll("#identity dd").length > 0, null, { timeout: 10_000 });
const violations = async (page, name) => (await page.evaluate(() => window.violations)).forEach((one) => fail(`${name}: policy: ${one}`));
const fetched = async (path) => (await fetch(new URL(path, base), { headers: token ? { authorization: `Bearer ${token}` } : {} })).json();

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
    snapshot.status.unassigned_error_rows = 1;
    for (const table of snapshot.status.tables) Object.assign(table, { read_records: 0, full_load_rows: 0, full_load_error_rows: 0, change_error_rows: 0 });
    const page = await open("foreign", {}, {
      lists: {
        files: { files: [{ key: evil, queue: "changes", reason: evil, rows_settled: 1, line: 2, byte: 9, in_doubt: true, decision: null }] },
        "dead-letters": { total: 1, dead_letters: [{ id: evil, key: evil, ordinal: 0, line: 1, table: evil, column: evil, code: evil, reason: evil, replayed: evil }] },
        events: { events: [{ id: "1", time: evil, detail: { eventType: evil, detailMessage: evil } }] },
        checkpoint: { queues: [{ queue: evil, registered: 0, open: 1, done: 0, quarantined: 0 }],
          unfinished: [{ version: { key: evil }, state: { open: { watermark: { ordinal: 1, line: 1 }, is_in_doubt: true } } }] },
      },
      order: () => done(`${evil}\n${evil}`, evil),
      snapshot: () => snapshot, health: () => ({ ok: false, task: evil, checks: [{ name: "files", ok: false, detail: evil }] }),
    });
    await hasState(page);
    check((await page.locator("img").count()) === 0, "foreign text became an element");
    const body = await text(page, "body");
    check(!/[\u202e\u0007]/.test(body) && body.includes("\\u202e\\u0007"), "what steers text is not escaped");
    check(body.includes("nothing stored for 12 s: the service refuses its records"), "the cause of a stall is not said");
    check((await text(page, "#sentence")).startsWith("Waiting for the target"), "an outage is not in the sentence");
    await page.locator("#checkpoint-part summary").click();
    await shows(page, "#open-files", "more of it may be in the stream");
    await press(page, `Skip ${printed(evil)}`);
    await shows(page, "#dialog-problem", "img");
    check(page.orders[0].body.key === evil, `the key is sent as it is shown, not as it is: ${page.orders[0].body.key}`);
    check((await page.locator("img").count()) === 0, "foreign text of the lists became an element");
    check(!/[\u202e\u0007]/.test(await text(page, "body")), "what steers text is not escaped in the lists");
    await accessible(page, "foreign");
    await violations(page, "foreign");
  },

  async "a task with a token shows itself to who knows it"() {
    const snapshot = await fetched("/api/v1/snapshot");
    const page = await open("token", {}, { token: "the-right-token-1", snapshot: () => ({ ...snapshot, seq: Date.now() }) });
    await shows(page, "#sentence", "asks for its token");
    check((await focusedId(page)) === "token", "the focus is not where the token goes");
    check(!(await page.locator("#tables").isVisible()), "empty sections are shown");
    check(!(await page.locator("#token-cancel").isVisible()), "nothing can be cancelled");
    await accessible(page, "token");
    for (const wrong of ["wrong", "w\u00f6rong"]) {
      await giveToken(page, wrong);
      await shows(page, "#token-wrong", "not the token");
      check((await focusedId(page)) === "token", "the focus leaves the form with a wrong token");
      await page.locator("#token").press("End");
    }
    await accessible(page, "wrong token");
    await giveToken(page, "the-right-token-1");
    await hasState(page);
    check(await page.locator("#token-form").isHidden(), "the form stays");
    check((await page.inputValue("#token")) === "", "the form keeps the token");
    await page.waitForTimeout(3000);
    check(await page.locator("#token-form").isHidden(), "a later request is without the token");
    const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie, location.href, history.state]));
    check(!kept.includes("right-token") && !(await page.content()).includes("right-token"), `the token is kept: ${kept}`);
    check((await page.locator("a.json:visible, .open a:visible").count()) === 0, "links that a browser cannot follow are shown");
    await page.getByRole("button", { name: "Forget token" }).click();
    await shows(page, "#sentence", "asks for its token");
    check(page.orders.length === 0, "an order was given");
  },

  async "an order without the token is refused, and asks for it"() {
    const snapshot = await fetched("/api/v1/snapshot");
    const answers = {
      orderToken: "the-right-token-1",
      snapshot: () => ({ ...snapshot, seq: Date.now() }),
      order: (name) => { snapshot.status.paused = name === "pause"; return done(`it is done: ${name}\n`); },
    };
    const page = await open("order", {}, answers);
    await hasState(page);
    await press(page, "Pause the task");
    await shows(page, "#token-why", "Pause the task");
    check((await focusedId(page)) === "token", "the focus is not where the token goes");
    await accessible(page, "token for an order");
    await giveToken(page, "another-token-123");
    await shows(page, "#token-wrong", "not the token");
    await giveToken(page, "the-right-token-1");
    await shows(page, "#outcome-message", "it is done: pause");
    await shows(page, "#sentence", "Paused: nothing is read or sent.");
    check(page.orders.length === 3, `${page.orders.length} requests`);
    await press(page, "Resume the task");
    await shows(page, "#outcome-message", "it is done: resume");
    await page.getByRole("button", { name: "Pause the task" }).waitFor();
    check(await page.getByRole("button", { name: "Pause the task" }).evaluate((one) => one === document.activeElement), "the focus is lost");
    await accessible(page, "outcome");
    await violations(page, "order");
  },

  async "what would change is shown first, and Escape changes nothing"() {
    const snapshot = await fetched("/api/v1/snapshot");
    const { schema_name: schema, table_name: table } = snapshot.status.tables[0];
    const name = `Reload ${schema}.${table}`;
    const page = await open("reload", {}, {
      snapshot: () => ({ ...snapshot, seq: Date.now() }),
      order: (_, body) => done(`${body.dry_run ? "would reload" : "reloads"} ${body.tables}\n`),
    });
    await hasState(page);
    await press(page, name);
    await shows(page, "#dialog-message", "would reload");
    check((await focusedId(page)) === "dialog-cancel", "the focus is not on Cancel");
    check((await page.locator("#dialog").getAttribute("open")) !== null && (await page.locator("#dialog:modal").count()) === 1, "the dialog is not modal");
    await accessible(page, "dialog");
    await page.keyboard.press("Escape");
    check(await page.locator("#dialog").isHidden(), "Escape does not close the dialog");
    check(await page.getByRole("button", { name, exact: true }).evaluate((one) => one === document.activeElement), "the focus does not go back");
    check(page.orders.length === 1 && page.orders[0].body.dry_run === true, `more than a trial: ${JSON.stringify(page.orders)}`);
    await press(page, name);
    await shows(page, "#dialog-message", "would reload");
    await press(page, "Reload");
    await shows(page, "#outcome-message", "reloads");
    const sent = JSON.stringify(page.orders.slice(1));
    const expected = [true, false].map((dryRun) => ({ path: "/api/v1/tables/reload", body: { tables: [`${schema}.${table}`], dry_run: dryRun } }));
    check(sent === JSON.stringify(expected), `other orders: ${sent}`);
    await page.getByRole("button", { name: "Dismiss" }).click();
    check((await text(page, "#outcome")).trim() === "", "what came of it cannot be dismissed");
  },

  async "a refusal for repeats offers them, and a problem is shown"() {
    const snapshot = await fetched("/api/v1/snapshot");
    const key = "cdc/broken.csv";
    snapshot.status.quarantined = [{ id: { queue: "changes", number: 1 }, key, reason: "it broke" }];
    snapshot.status.set_aside = 1;
    const refusal = [409, { error: "rows may be in the stream; `--allow-repeats` sends them again", exit_code: 65 }];
    const page = await open("repeats", {}, {
      snapshot: () => ({ ...snapshot, seq: Date.now() }),
      order: (_, body) => {
        if (!body.allow_repeats) return refusal;
        if (body.dry_run) return done(`reads ${body.key}, trial true\n`);
        Object.assign(snapshot.status, { quarantined: [], set_aside: 0 });
        return done(`reads ${body.key}, trial false\n`, "1 row is bad");
      },
    });
    await hasState(page);
    await press(page, `Retry ${key}`);
    await shows(page, "#dialog-message", "--allow-repeats");
    check(await page.locator("#dialog-do").isHidden(), "what is refused can be done");
    await accessible(page, "refusal");
    await press(page, "Retry, allow repeats…");
    await shows(page, "#dialog-message", "trial true");
    check((await focusedId(page)) === "dialog-cancel", "the focus is not on Cancel");
    await press(page, "Retry, allow repeats");
    await shows(page, "#outcome-problem", "1 row is bad");
    await shows(page, "#outcome-message", "trial false");
    await page.locator("#set-aside-part").waitFor({ state: "hidden" });
    await page.waitForFunction(() => document.activeElement.id === "outcome-dismiss", null, { timeout: 3000 })
      .catch(async () => fail(`the focus went with the file: ${await focusedId(page)}`));
    await accessible(page, "problem");
    const sent = page.orders.map(({ body }) => [body.allow_repeats, body.dry_run].join());
    check(sent.join(" ") === "false,true true,true true,false", `other orders: ${sent.join(" ")}`);
  },

  async "a task that takes no orders says so, and stopping asks first"() {
    const snapshot = await fetched("/api/v1/snapshot");
    let isGone = false;
    const page = await open("stop", {}, {
      snapshot: () => (isGone ? null : { ...snapshot, seq: Date.now() }),
      order: () => (isGone ? done("it stops\n") : [403, { error: "set api.token: orders are taken only from who knows it" }]),
    });
    await hasState(page);
    await press(page, "Pause the task");
    await shows(page, "#outcome", "set api.token");
    await press(page, "Stop the task");
    check((await focusedId(page)) === "dialog-cancel", "the focus is not on Cancel");
    check(page.orders.length === 1, "the task is stopped without a question");
    isGone = true;
    await press(page, "Stop");
    await shows(page, "#outcome-message", "it stops");
    check(page.orders.at(-1).path === "/api/v1/stop" && page.orders.length === 2, `other orders: ${JSON.stringify(page.orders)}`);
    await shows(page, "#sentence", "was stopped and does not answer any more");
    // an order on an old state could be a wrong one.
    const pause = page.getByRole("button", { name: "Pause the task" });
    check((await pause.getAttribute("aria-disabled")) === "true", "orders can be given to a task that does not answer");
    await pause.click({ force: true });
    page.allowed = 0;
    await page.waitForTimeout(300);
    check(page.orders.length === 2, "an order was given on an old state");
    await accessible(page, "stopped");
  },

  async "while an order is under way there is no other"() {
    const snapshot = await fetched("/api/v1/snapshot");
    let end;
    const page = await open("busy", {}, {
      snapshot: () => ({ ...snapshot, seq: Date.now() }), order: () => new Promise((resolve) => { end = () => resolve(done("done\n")); }),
    });
    await hasState(page);
    await press(page, "Pause the task");
    await shows(page, "#outcome", "Pausing the task");
    const others = await page.locator("button.order:not([aria-disabled=true])").count();
    check(others === 0, `${others} buttons can be pressed`);
    await page.keyboard.press("Enter");
    await page.waitForTimeout(300);
    check(page.orders.length === 1, "a second order was given");
    end();
    await shows(page, "#outcome", "Done");
    check((await page.locator("button.order[aria-disabled=true]:visible").count()) === 0, "buttons stay off");
  },

  async "dead letters are shown by code and object, without values of rows"() {
    const snapshot = await fetched("/api/v1/snapshot");
    const secret = "v4lue-of-a-row";
    const letter = (ordinal, code, replayed = null) => ({
      id: `k#${ordinal}`, time: "2026-11-30T10:00:00Z", object: "s3://b/cdc/a.csv", key: "cdc/a.csv", ordinal, line: ordinal + 1, byte: 7, table: "shop.orders",
      column: "amount", code, reason: "it is no number", replayed, row: secret, row_hex: secret, message: secret,
    });
    snapshot.status.unassigned_error_rows += 3;
    const letters = [letter(0, "not_a_number"), letter(1, "not_a_number"), letter(2, "too_long", "2026-11-30T11:00:00Z")];
    const page = await open("letters", {}, {
      snapshot: () => ({ ...snapshot, seq: Date.now() }), lists: { "dead-letters": { total: 300, dead_letters: letters } },
      order: (_, { again, dry_run: dryRun }) => done(`again ${again}, trial ${dryRun}\n`, null, { rows: again ? [{ id: "k#2" }] : [] }),
    });
    await shows(page, "#letters-note", "300 rows; the newest 3 are shown");
    const shown = await text(page, "#letters");
    for (const part of ["not_a_number 2 rows", "too_long 1 row", "cdc/a.csv", "Row 1, line 2, column amount: it is no number", "sent again"]) {
      check(shown.includes(part), `the dead letters lack ${part}: ${shown}`);
    }
    await press(page, "Replay the dead letters of cdc/a.csv");
    await shows(page, "#dialog-message", "again false, trial true");
    check(await page.locator("#dialog-do").isHidden(), "nothing would be sent, and it can be done");
    await press(page, "Cancel");
    await press(page, "Replay again all dead letters of cdc/a.csv");
    await shows(page, "#dialog-message", "again true, trial true");
    await press(page, "Replay again");
    await shows(page, "#outcome-message", "again true, trial false");
    check(!(await page.content()).includes(secret), "a value of a row is shown");
    await accessible(page, "letters");
    await violations(page, "letters");
  },

  async "dead letters are asked for at most every ten seconds, and not while hidden"() {
    const snapshot = await fetched("/api/v1/snapshot");
    snapshot.status.unassigned_error_rows += 1;
    let asked = 0;
    const page = await open("seldom", {}, {
      snapshot: () => ({ ...snapshot, seq: Date.now() }),
      lists: { get "dead-letters"() { asked += 1; return LISTS["dead-letters"]; } },
    });
    await hasState(page);
    await page.waitForTimeout(9000);
    check(asked === 1, `asked ${asked} times in 9 s`);
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await page.waitForTimeout(9000);
    check(asked <= 2, `asked ${asked} times, of which once or never while hidden`);
  },

  async "orders to the task itself"() {
    if (!token) return;
    const before = (await fetched("/api/v1/snapshot")).status;
    const page = await open("task");
    await hasState(page);
    await press(page, "Pause the task");
    await shows(page, "#sentence", "Paused: nothing is read or sent.");
    await press(page, "Resume the task");
    await page.getByRole("button", { name: "Pause the task" }).waitFor({ timeout: 10_000 });
    await shows(page, "#events", "Ordered by the page at 127.0.0.1");
    await press(page, "Reload shop.orders");
    await shows(page, "#dialog-message", "would reload shop.orders");
    await press(page, "Cancel");
    const { files } = await fetched("/api/v1/files");
    await press(page, `Skip ${files[0].key}`);
    await shows(page, "#dialog-message", "would be left out");
    await press(page, "Cancel");
    await page.locator("#checkpoint-part summary").click();
    await page.locator("#checkpoint-content").waitFor({ state: "visible", timeout: 10_000 });
    const { dead_letters: letters } = await fetched("/api/v1/dead-letters");
    await press(page, `Replay the dead letters of ${letters[0].key}`);
    await shows(page, "#dialog-problem", "cannot be sent with the current definition");
    await accessible(page, "task");
    check((await text(page, "#letters")).includes(letters[0].code), "the dead letter is not shown");
    check(!canary || !(await page.content()).includes(canary), "a value of a row is shown");
    const { status } = await fetched("/api/v1/snapshot");
    check(status.set_aside === before.set_aside && !status.paused, "something was changed");
    await violations(page, "task");
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
    if (token) await Promise.all(pages.map((page) => giveToken(page, token)));
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
