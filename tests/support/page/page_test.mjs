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
const ORDERS = ["pause", "resume", "stop", "tables/reload", "tables/resume", "files/decide", "dead-letters/replay", "verify"].map((name) => `/api/v1/${name}`);
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

/** A snapshot of 304 is one that did not change. `answers.token` is asked for everything then, `answers.orderToken` for orders; `answers.order` gives `[code, value]`. */
async function answerOf(route, answers) {
  const request = route.request();
  const given = request.headers().authorization;
  const wanted = request.method() === "GET" ? answers.token : answers.token ?? answers.orderToken;
  if (wanted && given !== `Bearer ${wanted}`) return route.fulfill({ status: 401, json: { error: "send the token" } });
  const name = new URL(request.url()).pathname.replace("/api/v1/", "");
  if (request.method() === "GET") {
    return answer(route, name === "snapshot" ? answers.snapshot(new URL(request.url()).searchParams.get("since")) : (answers.lists?.[name] ?? LISTS[name]));
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
const answer = (route, value) => {
  if (value === null) return route.abort();
  return value === 304 ? route.fulfill({ status: 304 }) : route.fulfill({ json: value });
};
/** Figures of a task that has something to do. */
const FIGURES = {
  oldest_unsettled_seconds: { load: null, changes: 187 }, freshness_seconds: 42.4, eta_seconds: null, checkpoint_age_seconds: 0.8,
  retention_margin_seconds: 86_400, hot_keys: [], waits: { source: 0.2, parse: 0.05, shard: 0.6, service: 0.15 },
};
const shardOf = (id, records, bytes) => ({ shard_id: id, records: 1, activity: { doubt: null, paced_percent: 0, rate_percent: 100, stall: null,
  lately: { records_rate: records, bytes_rate: bytes, refused_percent: 0 } } });
const comparison = (more = {}) => ({ at_ms: Date.now() - 2 * 3_600_000, outcome: "complete", is_partial: false, rows_found: 48_812, rows_missing: 0,
  rows_repeated: 0, rows_out_of_order: 0, ...more });
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

  async "figures of the task are shown, and its sentence is made of them"() {
    const { figures, status } = await fetched("/api/v1/snapshot");
    const members = Object.keys(FIGURES).filter((name) => !(name in (figures ?? {})));
    check(members.length === 0, `the snapshot lacks ${members}`);
    check(figures.freshness_seconds > 0, `a change file was settled, and its age is ${figures.freshness_seconds}`);
    const { waits } = figures;
    const all = waits && waits.source + waits.parse + waits.shard + waits.service;
    check(!waits || Math.abs(all - 1) < 1e-6, `the shares of waiting are ${all} in all`);
    const live = await open("figures");
    await hasState(live);
    const shown = await text(live, "#lag");
    for (const label of ["Behind", "Freshness", "Waiting", "Delivered", "In flight"]) check(shown.includes(label), `no ${label}: ${shown}`);
    check(!shown.includes("no change file is settled yet"), `freshness is not shown: ${shown}`);
    check((await text(live, "#waits-cause")) !== "", "nothing is said of who holds the rows up");
    check(status.shards.length === (await live.locator("#heat-map .tile").count()), "not each shard has a tile");

    const snapshot = await fetched("/api/v1/snapshot");
    Object.assign(snapshot.status, { phase: "changes", paused: false, outages: [], changes: { ...snapshot.status.changes, known: 9, opened: 5 } });
    snapshot.figures = FIGURES;
    const page = await open("measured", {}, { snapshot: () => ({ ...snapshot, seq: Date.now() }) });
    await shows(page, "#sentence", "Reading changes, 3 min behind; more files wait.");
    await shows(page, "#lag", "3 min 0");
    check((await text(page, "#lag")).includes("42 s"), "freshness is another one");
    check((await text(page, "#waits-cause")).startsWith("Mostly for the shards"), "who holds the rows up is not said");
    const grown = await page.locator("#waits-bar > span").evaluateAll((parts) => parts.map((part) => Number(part.style.flexGrow)));
    check(grown.join() === "0.2,0.05,0.6,0.15", `the bar shows ${grown}`);
    check((await text(page, "#waits")).includes("60 %"), "the share is not said in words");
    check((await text(page, "#margin")).includes("1 d 00 h") || (await text(page, "#margin")).includes("23 h 59 min"), "the margin is another one");
    check(await page.locator("#margin-warning").isHidden(), "a day is no trouble");
    snapshot.figures = { ...FIGURES, waits: null, retention_margin_seconds: 1800 };
    await shows(page, "#waits-cause", "Nothing had to wait.");
    await shows(page, "#margin-warning", "before the stream forgets");
    check(await page.locator("#waits-bar").isHidden(), "a bar of nothing is shown");
    await accessible(page, "measured");
    await violations(page, "measured");
  },

  async "ages go on while the state stays, and are asked for now and then"() {
    const snapshot = await fetched("/api/v1/snapshot");
    Object.assign(snapshot.status, { phase: "changes" });
    let whole = 0;
    const page = await open("ages", {}, {
      snapshot: (since) => {
        if (since !== null) return 304;
        whole += 1;
        return { ...snapshot, figures: { ...FIGURES, oldest_unsettled_seconds: { load: null, changes: 57 }, freshness_seconds: whole } };
      },
    });
    await shows(page, "#lag", "57 s");
    await shows(page, "#lag", "1 min 0");
    check(whole === 1, `the whole state was asked for ${whole} times in a few seconds`);
    await page.waitForFunction(() => document.querySelector("#lag").innerText.includes("2 s"), null, { timeout: 14_000 })
      .catch(() => fail("figures are not asked for while the state stays as it is"));
  },

  async "a hot key is named, and a shard at its limit is seen"() {
    const snapshot = await fetched("/api/v1/snapshot");
    snapshot.status.shards = [shardOf("shardId-000000000000", 120, 80_000), shardOf("shardId-000000000001", 998, 620_000), shardOf("shardId-000000000002", 0, 0)];
    snapshot.figures = { ...FIGURES, hot_keys: [{ shard: "shardId-000000000001", share: 0.62 }] };
    const page = await open("hot key", {}, { snapshot: () => ({ ...snapshot, seq: Date.now() }) });
    await shows(page, "#shards-cause", "One partition key has at least 62 % of the records of shardId-000000000001");
    const tiles = page.locator("#heat-map .tile");
    check((await tiles.count()) === 3 && (await page.locator("#heat-map .keyed").count()) === 1, "the tiles are other ones");
    const heat = await tiles.evaluateAll((all) => all.map((tile) => [...tile.children].map((half) => half.className || half.style.getPropertyValue("--heat"))).join(" "));
    check(heat === "12%,8% full,59% 0%,0%", `the map shows ${heat}`);
    const cells = await page.locator("#shards-grid tbody tr").nth(1).locator("th, td").allInnerTexts();
    check(["998", "0.62", "62 %"].every((part) => cells.some((cell) => cell.includes(part))), `the table says ${cells}`);
    await accessible(page, "hot key");
    snapshot.figures = FIGURES;
    await page.waitForFunction(() => !document.querySelector("#shards-cause").innerText.includes("partition key"), null, { timeout: 6000 })
      .catch(() => fail("a key is hot that is none"));
  },

  async "comparisons are shown, and one can be ordered"() {
    const snapshot = await fetched("/api/v1/snapshot");
    delete snapshot.verify;
    const answers = {
      orderToken: "the-right-token-1", snapshot: () => ({ ...snapshot, seq: Date.now() }),
      order: () => { snapshot.verify = { ...snapshot.verify, is_running: true }; return done("the comparison has begun\n"); },
    };
    const page = await open("verify", {}, answers);
    const button = page.getByRole("button", { name: "Compare now: the stream with the files" });
    await shows(page, "#verify-outcome", "Nothing is known of comparisons");
    check((await button.count()) === 0, "a program that takes no such order is asked for it");
    snapshot.verify = { is_running: false, last: null, last_success: null, problem: null };
    await shows(page, "#verify-outcome", "was not compared with the files yet");
    snapshot.verify = {
      is_running: false, last: comparison({ outcome: "missing", rows_missing: 1234, is_partial: true }), last_success: comparison({ at_ms: Date.now() - 3 * 86_400_000 }),
      findings: { rows_missing: 1234, rows_repeated: 0, rows_out_of_order: 0 }, problem: "shard 3 could not be read",
    };
    await shows(page, "#verify-outcome", "Rows are missing in the stream");
    for (const [place, part] of [["#verify", "1,234"], ["#verify", "48,812"], ["#verify-note", "some tables, 2 h ago"], ["#verify-success", "3 d ago"],
      ["#verify-problem", "shard 3 could not be read"], ["#concerns", "1,234 rows are missing in the stream"]]) {
      check((await text(page, place)).includes(part), `${place} does not say ${part}: ${await text(page, place)}`);
    }
    await accessible(page, "verify");
    await press(page, "Compare now: the stream with the files");
    await shows(page, "#dialog-title", "Compare the stream with the files?");
    check(page.orders.length === 0, "an order was given without a question");
    await press(page, "Cancel");
    check(page.orders.length === 0, "Cancel gives an order");
    await press(page, "Compare now: the stream with the files");
    await press(page, "Compare now");
    await shows(page, "#token-why", "orders take the token of the task");
    await giveToken(page, "the-right-token-1");
    await page.locator("#dialog-title").waitFor({ state: "visible" });
    await press(page, "Compare now");
    await shows(page, "#outcome-message", "the comparison has begun");
    await shows(page, "#verify-note", "comparing now; last some tables");
    check((await button.count()) === 0, "a second comparison can be ordered while one runs");
    check(page.orders.every(({ path }) => path === "/api/v1/verify") && JSON.stringify(page.orders.at(-1).body) === '{"tables":[]}',
      `other orders: ${JSON.stringify(page.orders)}`);
    await accessible(page, "comparing");
    await violations(page, "verify");
  },

  async "the whole page is small"() {
    const context = await browser.newContext();
    const page = await context.newPage();
    const sizes = [];
    page.on("response", (response) => /^\/(|[a-z]+\.(js|css))$/.test(new URL(response.url()).pathname) && sizes.push(response.body().then((body) => body.length)));
    await page.goto(base.href, { waitUntil: "networkidle" }).catch(() => {});
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    check(sizes.length >= 16 && bytes < 150_000, `${sizes.length} files of ${bytes} bytes`);
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
    snapshot.verify = { is_running: false, last: comparison({ outcome: evil }), last_success: null, problem: evil };
    snapshot.figures = { ...FIGURES, hot_keys: [{ shard: evil, share: 0.5 }] };
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
