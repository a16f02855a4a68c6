// The sections of the page, each from one complete snapshot.

import { byId, el, grid, keyed, setClass, setLines, setOptional, setText, setTitle, show } from "./dom.js";
import { ago, bytes, counted, grouped, moment, percent, printable, rate as rateText, span } from "./format.js";
import { setButtons } from "./actions.js";
import * as figures from "./figures.js";
import * as orders from "./orders.js";
import * as words from "./words.js";

const DASH = "–";
const UNKNOWN = { text: DASH, tone: "zero" };
const named = (column, of, head = false) => ({ name: column, head, value: of, show: (row) => printable(of(row)) });
const count = (number, tone = "") => ({ text: grouped(number), tone: number > 0 ? tone : "zero" });
const numeric = (column, of, { tone, ...more } = {}) =>
  ({ name: column, number: true, value: of, show: (row) => count(of(row), tone), ...more });
/** A moment says how long ago it is; what is exact is in the title. */
const since = (ms, nowMs) => (ms == null ? UNKNOWN : { text: ago(nowMs - ms), title: moment(ms) });

// --- the identity

const PARTS = [
  ["delivered", "delivered"],
  ["dead", "dead letters"],
  ["filtered", "filtered"],
  ["inFlight", "in flight"],
];

export function identity(status) {
  const rows = figures.identity(status);
  const isBroken = rows.broken.length > 0;
  setText(byId("identity-state"), `${isBroken ? "✗" : "✓"} ${words.identityText(rows)}`);
  setClass(byId("identity-state"), `verdict ${isBroken ? "tone-bad" : "tone-good"}`);
  const bar = byId("identity-bar");
  setClass(bar, isBroken ? "stack broken" : "stack");
  const shown = PARTS.filter(([part]) => rows[part] > 0);
  keyed(bar, shown, ([part]) => part, ([part]) => el("span", { class: `part-${part}` }), (element, [part]) => {
    element.style.flexGrow = rows[part] / Math.max(1, rows.read);
  });
  const equals = isBroken ? "≠" : "=";
  const terms = [["read", "read", ""], ...PARTS.map(([part, label], index) => [part, label, index === 0 ? equals : "+"])];
  keyed(byId("identity"), terms, ([part]) => part, newTerm, (element, [part, , sign]) => {
    const [, value, share] = element.children;
    element.dataset.sign = sign;
    setText(value, grouped(rows[part]));
    setText(share, part === "read" || rows.read === 0 ? "" : shareText(rows[part], rows.read));
  });
}

function newTerm([part, label]) {
  const mark = part === "read" ? [] : [el("span", { class: `swatch part-${part}`, "aria-hidden": "true" })];
  return el("div", { class: `term t-${part}` },
    el("dt", {}, ...mark, label), el("dd", { class: "value" }), el("dd", { class: "share" }));
}

function shareText(part, whole) {
  if (part === 0) return DASH;
  const share = (part / whole) * 100;
  if (share < 0.1) return "< 0.1 %";
  return share > 99.9 && part < whole ? "> 99.9 %" : `${share.toFixed(1)} %`;
}

// --- rates

export function pace(status, rate) {
  const load = figures.loadFiles(status);
  const changes = figures.changeFiles(status);
  const waiting = load.waiting + changes.waiting;
  const inFlight = figures.identity(status).inFlight;
  const of = (value, show) => (rate ? show(value(rate)) : DASH);
  const perRequest = rate?.requests > 0 ? `${rateText(rate.rows / rate.requests)} records each` : "";
  const left = figures.loadBytes(status).left;
  const cells = [
    ["Delivered", of((one) => one.rows, rateText), "rows/s", ""],
    ["Sent", of((one) => one.sentBytes / 1e6, (mega) => mega.toFixed(mega < 10 ? 2 : 1)), "MB/s", ""],
    ["Requests", of((one) => one.requests, rateText), "/s", perRequest],
    ["In flight", grouped(inFlight), inFlight === 1 ? "row" : "rows", bytes(status.in_flight_bytes)],
    ["Waiting", grouped(waiting), waiting === 1 ? "file" : "files",
      status.phase === "full_load" && left > 0 ? `${bytes(left)} of the load left` : ""],
  ];
  keyed(byId("rates"), cells, ([label]) => label, ([label]) =>
    el("div", {}, el("dt", {}, label), el("dd", {}, el("span", { class: "value" }), " ", el("span", { class: "unit" })), el("dd", { class: "share" })),
  (element, [, value, unit, more]) => {
    setText(element.children[1].firstChild, value);
    setText(element.children[1].lastChild, unit);
    setText(element.children[2], more);
  });
  setText(byId("rates-note"), rate ? `mean of the last ${span(rate.overMs)}` : "not known yet");
}

export function outages(status, nowMs) {
  show(byId("outages-section"), status.outages.length > 0);
  setLines(byId("outages"), status.outages.map(({ side, since_ms: sinceMs, last_error: error }) =>
    [`The ${printable(side)} does not answer for ${span(nowMs - sinceMs)}, since ${moment(sinceMs)}: `, { code: printable(error) }]));
}

// --- tables

const STATES = {
  "Before load": { mark: "○", noun: "before load" },
  "Full load": { mark: "◐", noun: "loading" },
  "Table is being reloaded": { mark: "◐", noun: "being reloaded" },
  "Table completed": { mark: "●", noun: "completed", tone: "good" },
  "Table error": { mark: "▲", noun: "with an error", tone: "bad" },
};
const dms = (column, key, more) => numeric(column, ({ table }) => table[key], more);
const time = (column, key) => ({ name: column, number: true, value: ({ table }) => table[key], show: ({ table, nowMs }) => since(table[key], nowMs) });

const TABLE_COLUMNS = [
  named("SchemaName", ({ table }) => table.schema_name),
  named("TableName", ({ table }) => table.table_name, true),
  {
    name: "TableState", value: ({ state }) => state,
    show: ({ state, table }) => ({
      text: `${STATES[state].mark}\u00a0${[state, ...words.tableTroubles(table)].join(", ")}`, tone: STATES[state].tone,
    }),
  },
  {
    name: "load", own: true, number: true, meter: true, title: "Settled share of the bytes of its load files",
    value: ({ share }) => share, show: ({ share }) => (share == null ? UNKNOWN : { text: `${percent(share, 1)} %`, share }),
  },
  dms("FullLoadRows", "full_load_rows"),
  dms("FullLoadErrorRows", "full_load_error_rows"),
  dms("Inserts", "applied_inserts"),
  dms("Updates", "applied_updates"),
  dms("Deletes", "applied_deletes"),
  dms("Ddls", "applied_ddls"),
  dms("in flight", "in_flight_records", { own: true, title: "Rows that are read and not settled" }),
  numeric("dead letters", ({ table }) => figures.deadLetters(table), { tone: "bad", own: true, title: "Of the load and of changes" }),
  time("FullLoadStartTime", "full_load_start_ms"),
  time("LastUpdateTime", "last_update_ms"),
  { name: "order", own: true, fill: (cell, { table }) => setButtons(cell, tableOrders(table)) },
];

const tableOrders = (table) => [...(figures.suspension(table) ? [orders.resumeTable(table)] : []), orders.reload(table)];

const tableGrid = grid({ parent: byId("tables-grid"), label: "Tables", columns: TABLE_COLUMNS, keyOf: ({ table }) => figures.storedName(table) });

const FILTER_FROM = 12;

export function tables(status, nowMs) {
  const wanted = byId("filter").value.trim().toLowerCase();
  const rows = status.tables
    .filter((table) => figures.fullName(table).toLowerCase().includes(wanted))
    .map((table) => ({ table, nowMs, state: figures.tableState(table, status), share: figures.loadShare(table, status) }));
  show(byId("filter-label"), status.tables.length >= FILTER_FROM || wanted !== "");
  tableGrid.update(rows);
  const states = status.tables.map((table) => figures.tableState(table, status));
  const told = Object.entries(STATES).flatMap(([state, { noun }]) => {
    const number = states.filter((one) => one === state).length;
    return number > 0 ? [`${grouped(number)} ${noun}`] : [];
  });
  setText(byId("tables-note"), told.length > 0 ? `${grouped(status.tables.length)}: ${told.join(", ")}` : "none known yet");
  setLines(byId("tables-lines"), words.tableLines(status));
}

// --- shards

const SHARD_COLUMNS = [
  named("shard", ({ shard }) => shard.shard_id, true),
  {
    name: "state", value: ({ state }) => state.word,
    show: ({ state }) => ({ text: `${{ ok: "●", hot: "◆" }[state.word] ?? "▲"}\u00a0${state.word}${state.slowed ?? ""}`, tone: state.tone }),
  },
  numeric("records", ({ shard }) => shard.records),
  {
    name: "records/s", number: true, value: ({ perSecond }) => perSecond,
    show: ({ perSecond }) => (perSecond == null ? UNKNOWN : { text: rateText(perSecond), tone: perSecond > 0 ? "" : "zero" }),
  },
  {
    name: "time paced", number: true, meter: true, title: "Share of the time that its sender waits for it",
    value: ({ shard }) => shard.activity.paced_percent,
    show: ({ shard }) => ({ text: `${shard.activity.paced_percent} %`, share: Math.min(1, shard.activity.paced_percent / 100) }),
  },
];
const SHARDS_MAX = 200;
const shardGrid = grid({ parent: byId("shards-grid"), label: "Shards", columns: SHARD_COLUMNS, keyOf: ({ shard }) => shard.shard_id, rowsMax: SHARDS_MAX });

export function shards(status, rate, steady, nowMs) {
  const rows = status.shards.map((shard) => ({
    shard, perSecond: rate ? rate.shard(shard.shard_id) : null, state: words.shardState(shard, nowMs, figures.isHot(shard, status)),
  }));
  const stories = rows.filter(({ state }) => state.story);
  setLines(byId("shards-lines"), stories.map(({ shard, state }) => [{ code: printable(shard.shard_id) }, `: ${state.story}`]));
  // Of very many, those in trouble have to be among the ones that are shown.
  const badness = ({ state }) => ["stalled", "in doubt", "hot", "ok"].indexOf(state.word);
  shardGrid.update(rows.length > SHARDS_MAX ? rows.sort((one, other) => badness(one) - badness(other)) : rows);
  setText(byId("shards-note"), words.shardCause(status, steady));
}

// --- files

const fileColumn = (label, key, tone) => ({ name: label, number: true, show: (row) => count(row[key], tone) });
const knownFiles = ({ known, isComplete }) =>
  known === 0 && !isComplete ? { ...UNKNOWN, title: "not listed yet" } : { ...count(known), text: `${grouped(known)}${isComplete ? "" : "+"}` };
const FILE_COLUMNS = [
  { name: "files of", head: true, show: ({ queue }) => queue },
  { name: "known", number: true, show: knownFiles },
  fileColumn("waiting", "waiting"),
  fileColumn("open", "open"),
  fileColumn("done", "done"),
  fileColumn("set aside", "setAside", "bad"),
  fileColumn("held back", "held", "bad"),
];
FILE_COLUMNS.at(-1).title = "Files of suspended tables, not read before those are resumed";
const fileGrid = grid({ parent: byId("files-grid"), label: "Files", columns: FILE_COLUMNS, keyOf: ({ queue }) => queue });

export function files(status) {
  const changes = figures.changeFiles(status);
  fileGrid.update([{ queue: "load", ...figures.loadFiles(status) }, { queue: "changes", ...changes }]);
  setOptional(byId("last-key"), changes.lastKey ? `Newest change file opened: ${printable(changes.lastKey)}` : "");
  const unread = words.unreadLines(status);
  show(byId("unread-part"), unread.length > 0);
  setLines(byId("unread"), unread);
}

// --- repairs, health

const repairGrid = grid({ parent: byId("repairs-grid"), label: "Repairs", keyOf: ([what]) => what,
  columns: [
    { name: "records", head: true, show: ([what]) => what },
    { name: "count", number: true, show: ([, number]) => count(number) },
    { name: "meaning", show: ([, , meaning]) => meaning },
  ],
});

export function repairs(counters) {
  repairGrid.update(words.repairs(counters));
}

export function health(report) {
  const failing = report.checks.filter((check) => !check.ok).length;
  setText(byId("health-note"), failing === 0 ? "well" : `${failing} of ${report.checks.length} checks fail`);
  const checks = [...report.checks].sort((one, other) => one.ok - other.ok);
  keyed(byId("health"), checks, ({ name: check }) => check, () =>
    el("li", {}, el("span", { class: "mark" }), el("b"), el("span", { class: "detail" })),
  (element, { name: check, ok, detail }) => {
    const [mark, label, text] = element.children;
    setText(mark, ok ? "✓" : "✗");
    setClass(element, ok ? "passes" : "fails");
    setText(label, printable(check).replace("_", " "));
    setText(text, printable(detail));
  });
}

export function failure(text) {
  show(byId("failure-part"), Boolean(text));
  setText(byId("failure"), printable(text ?? ""));
}

export function masthead(snapshot, nowMs) {
  const { status, version } = snapshot;
  setText(byId("task"), printable(status.task));
  const restarts = status.restarts > 0 ? `, ${counted(status.restarts, "restart")} of the data path` : "";
  const life = byId("life");
  const up = status.started_ms != null ? `runs for ${span(nowMs - status.started_ms)}` : "";
  setText(life, `process ${status.process_id} ${up}${restarts}`);
  setTitle(life, status.started_ms != null ? `started ${moment(status.started_ms)}, state of ${moment(status.updated_ms)}` : "");
  setText(byId("program"), `Bucket Brigade ${printable(version)}`);
  setButtons(byId("task-orders"), status.stop ? [] : [status.paused ? orders.resume() : orders.pause(), orders.stop(status.task)]);
}
