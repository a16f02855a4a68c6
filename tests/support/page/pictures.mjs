// The pictures of docs/page.md. Usage: node pictures.mjs FOLDER, started where playwright-core (npm) is installed, with Chromium at
// CHROMIUM or /usr/bin/chromium. It serves the files of src/serve/page by itself, with a task made up below, so nothing has to run.

import { createRequire } from "node:module";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const folder = process.argv[2];
const pages = new URL("../../../src/serve/page/", import.meta.url);
const TYPES = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript" };
const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE;
const begunMs = Date.now();
const agoMs = (ms) => begunMs - ms;

// --- the task

const none = { count: 0, first_keys: [] };
const files = (more) => ({
  known: 4, is_complete: true, opened: 4, ended: 4, in_front: 0, after_load: 0, replaced: 0, replaced_first: [], has_no_file: false, not_data: none,
  unread_changes: none, read_otherwise: none, quarantined: 0, opened_bytes: 0, known_bytes: 0, last_key: null, unread: [], ...more,
});

function table(schema, name, more) {
  const one = {
    schema_name: schema, table_name: name, full_load_rows: 0, full_load_error_rows: 0, applied_inserts: 0, applied_updates: 0, applied_deletes: 0,
    applied_ddls: 0, change_error_rows: 0, filtered_rows: 0, truncated_rows: 0, skipped_header_rows: 0, in_flight_records: 0, bytes: 5e8,
    full_load_start_ms: agoMs(2 * HOUR), full_load_end_ms: agoMs(HOUR), last_update_ms: Date.now() - 1200, objects_quarantined: 0,
    trouble: { suspension: null }, load: files({}), load_bytes_left: 0, ...more,
  };
  const rows = ["full_load_rows", "applied_inserts", "applied_updates", "applied_deletes", "change_error_rows", "in_flight_records"];
  return { ...one, read_records: rows.reduce((sum, key) => sum + one[key], 0) };
}

const SUSPENSION = {
  object: { queue: "changes", number: 3 }, key: "cdc/2026/11/30/0931.csv", row: { line: 119, byte: 9204, column: "amount" },
  reason: "4 of its rows are bad, more than errors.table_error_limit allows", is_in_doubt: false,
};
const PACES = [[412, 0.31], [388, 0.29], [461, 0.36], [997, 0.74], [402, 0.30], [377, 0.28], [434, 0.33], [395, 0.31]];
const ASIDE = [
  { id: { queue: "changes", number: 877 }, key: "cdc/2026/11/30/0877.csv.gz", reason: "the compressed data ends early" },
  { id: { queue: "changes", number: 912 }, key: "cdc/2026/11/30/0912.csv", reason: "it was replaced while it was being read" },
];
const comparison = (ms, more) =>
  ({ at_ms: agoMs(ms), outcome: "complete", is_partial: false, rows_found: 48_114_902, rows_missing: 0, rows_repeated: 44, rows_out_of_order: 0, ...more });

function snapshot() {
  const passedMs = Date.now() - begunMs, sent = Math.round(passedMs * 3.9);
  const shards = PACES.map(([records, megabytes], index) => ({
    shard_id: `shardId-${String(index).padStart(12, "0")}`, records: 6_102_000 + index * 811 + Math.round(passedMs * records / 1000), last_sequence_number: "1",
    activity: { doubt: null, stall: null, paced_percent: index === 3 ? 81 : Math.round(records / 40), rate_percent: index === 3 ? 88 : 100,
      lately: { records_rate: records, bytes_rate: megabytes * 1e6, refused_percent: index === 3 ? 3 : 0 } },
  }));
  const status = {
    schema_version: 1, task: "orders", process_id: 4211, started_ms: agoMs(2 * HOUR + 5 * MINUTE), updated_ms: Date.now(), stop: null, phase: "changes",
    generation: 1, restarts: 0, has_data_path: true, paused: false, clean_stop: false, in_flight_bytes: 6_400_000, unassigned_error_rows: 1,
    unselected_rows: 0, changes_start: null, reloaded: [], outages: [], last_failure: null, set_aside: 2, quarantined: ASIDE,
    changes: files({ known: 1206, opened: 1202, ended: 1197, quarantined: 2, last_key: "cdc/2026/11/30/1203.csv" }),
    tables: [
      table("shop", "customers", { full_load_rows: 812_004, applied_inserts: 12_811, applied_updates: 8100, applied_deletes: 91 }),
      table("shop", "orders", { full_load_rows: 9_120_400, applied_inserts: 344_220 + sent, applied_updates: 901_220, applied_deletes: 4410, in_flight_records: 3212, change_error_rows: 5 }),
      table("shop", "order_items", { full_load_rows: 24_310_092, applied_inserts: 998_324, applied_updates: 12_031, applied_deletes: 9002, in_flight_records: 6404, change_error_rows: 2 }),
      table("shop", "payments", { full_load_rows: 8_990_121, applied_inserts: 331_000, applied_updates: 20_000, change_error_rows: 4, trouble: { suspension: SUSPENSION } }),
      table("stock", "levels", { full_load_rows: 120_400, applied_updates: 2_910_440 }),
      table("stock", "warehouses", { full_load_rows: 42, applied_updates: 3 }),
    ],
    shards,
  };
  const counters = { requests: Math.round(passedMs / 130), records: 48_905_000 + sent, bytes: 3e9 + sent * 750, refused: 41, doubtful: 12, found: 12,
    recovered: 0, repeated: 3, inversions: 0, skipped: 0 };
  const figures = {
    oldest_unsettled_seconds: { load: null, changes: 187 }, freshness_seconds: 164, eta_seconds: null, checkpoint_age_seconds: 0.8,
    retention_margin_seconds: 86_399, hot_keys: [{ shard: shards[3].shard_id, share: 0.62 }], waits: { source: 0.14, parse: 0.06, shard: 0.67, service: 0.13 },
  };
  const verify = { is_running: false, last: comparison(7 * HOUR), last_success: comparison(7 * HOUR), problem: null };
  return { schema_version: 1, seq: Date.now(), version: "0.1.0", status, verify, counters, figures };
}

let letterCount = 0;
const letters = (code, key, named, reason, ordinals, more = {}) => ordinals.map((ordinal) =>
  ({ id: `${key}#${letterCount += 1}`, object: `s3://bucket/${key}`, key, ordinal, line: ordinal + 1, byte: 7, table: named, column: null, code, reason, replayed: null, ...more }));
const NO_NUMBER = ["the value is not a number", { column: "amount" }];
const SENT = { column: "comment", replayed: "2026-11-30T14:22:21Z" };
const LETTERS = [
  ...letters("not_a_number", "cdc/2026/11/30/0871.csv", "shop.orders", NO_NUMBER[0], [17, 402, 911], NO_NUMBER[1]),
  ...letters("not_a_number", "cdc/2026/11/30/0931.csv", "shop.payments", NO_NUMBER[0], [118, 119, 120, 121], NO_NUMBER[1]),
  ...letters("too_long", "cdc/2026/11/30/0604.csv", "shop.order_items", "the value is longer than 200 characters", [5, 6], SENT),
  ...letters("wrong_field_count", "cdc/2026/11/29/0099.csv", "shop.orders", "the row has 4 fields, and table shop.orders has 5 columns", [0, 1]),
  ...letters("unknown_table", "cdc/2026/11/28/0007.csv", null, "no table of the definition is named so", [88]),
];
const event = (ms, eventType, detailMessage) => ({ id: `${ms}`, time: new Date(agoMs(ms)).toISOString(), detail: { eventType, detailMessage } });
const LISTS = {
  files: { files: [
    { key: ASIDE[0].key, queue: "changes", rows_settled: 4310, line: 4311, byte: 288_210, in_doubt: false, decision: null },
    { key: ASIDE[1].key, queue: "changes", rows_settled: 77, line: 78, byte: 5120, in_doubt: true, decision: null },
  ] },
  "dead-letters": { total: LETTERS.length, dead_letters: LETTERS },
  events: { events: [
    event(2 * HOUR, "REPLICATION_TASK_STARTED", "Replication task started, with flag, fresh start"),
    event(50 * MINUTE, "OPERATION_ORDERED", "Ordered by ana at 127.0.0.1:40112: pause"),
    event(45 * MINUTE, "OPERATION_ORDERED", "Ordered by ana at 127.0.0.1:40118: resume"),
    event(15 * MINUTE, "FILE_RETRY_REQUESTED", "A file that was set aside is to be read again: cdc/2026/11/30/0640.csv"),
  ] },
  checkpoint: { queues: [], unfinished: [] },
};
const CHECKS = [["files", false, "2 files are set aside"], ["tables", false, "1 table is suspended"], ["actors", true, "the actors beat"],
  ["progress", true, "rows were settled 0 s ago"], ["lag", true, "the oldest change file is 3 min old"]].map(([name, ok, detail]) => ({ name, ok, detail }));

// --- serving it

function answered(request, path) {
  if (path === "/healthz") return { ok: false, task: "orders", checks: CHECKS };
  if (request.method !== "POST") return path.endsWith("snapshot") ? snapshot() : LISTS[path.split("/").at(-1)];
  return { message: `would read ${ASIDE[1].key} after its first 77 rows; that these are the same as before is for you to know\n`, report: {}, problem: null };
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const isAsked = pathname.startsWith("/api/") || pathname === "/healthz";
  const name = pathname === "/" ? "index.html" : pathname.slice(1);
  response.setHeader("content-type", isAsked ? "application/json" : TYPES[name.split(".").at(-1)] ?? "text/plain");
  response.end(isAsked ? JSON.stringify(answered(request, pathname)) : await readFile(new URL(name, pages)).catch(() => ""));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

// --- taking them

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

async function picture(name, options, prepare = () => {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  // As who knows the token sees it.
  await page.evaluate(() => {
    document.body.classList.add("has-token");
    document.getElementById("forget").hidden = false;
  });
  await page.waitForTimeout(12_500);
  await prepare(page);
  await page.waitForTimeout(600);
  await page.screenshot({ path: `${folder}/page-${name}.png` });
  await context.close();
}

const to = (selector) => (page) => page.locator(selector).evaluate((element) => window.scrollTo(0, element.getBoundingClientRect().top + window.scrollY - 24));
await Promise.all([
  picture("overview", { viewport: { width: 1280, height: 980 } }),
  picture("shards", { viewport: { width: 1280, height: 760 } }, to("section[aria-labelledby=shards-title]")),
  picture("dead-letters", { viewport: { width: 1280, height: 1080 }, colorScheme: "dark" }, to("#letters-section")),
  picture("phone", { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2 }),
  picture("question", { viewport: { width: 1280, height: 760 } }, async (page) => {
    await to("section[aria-labelledby=files-title]")(page);
    await page.getByRole("button", { name: `Retry ${ASIDE[1].key}`, exact: true }).click();
  }),
]);
await browser.close();
server.close();
