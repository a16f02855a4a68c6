// The sections of the page, each from one complete snapshot.

import { byId, el, grid, keyed, setClass, setLines, setOptional, setText, setTitle, show } from "./dom.js";
import { ago, bytes, counted, grouped, moment, percent, printable, rate as rateText, span } from "./format.js";
import * as figures from "./figures.js";
import * as words from "./words.js";

const DASH = "–";
const name = (text) => ({ text: printable(text), title: printable(text) });
const count = (number, tone = "") => ({ text: grouped(number), tone: number > 0 ? tone : "zero" });
/** A moment says how long ago it is; what is exact is in the title. */
const since = (ms, nowMs) => (ms == null ? { text: DASH, tone: "zero" } : { text: ago(nowMs - ms), title: moment(ms) });

// ---------------------------------------------------------------- the identity

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

// ---------------------------------------------------------------- rates

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

// ---------------------------------------------------------------- tables

const STATE_MARKS = {
  "Before load": "○",
  "Full load": "◐",
  "Table is being reloaded": "◐",
  "Table completed": "●",
  "Table error": "▲",
};
const STATE_TONES = { "Table completed": "good", "Table error": "bad" };
const dms = (column, of, tone) => ({ name: column, number: true, value: ({ table }) => of(table), show: ({ table }) => count(of(table), tone) });
const time = (column, of) => ({ name: column, number: true, value: ({ table }) => of(table), show: ({ table, nowMs }) => since(of(table), nowMs) });

const TABLE_COLUMNS = [
  { name: "SchemaName", value: ({ table }) => table.schema_name, show: ({ table }) => name(table.schema_name) },
  { name: "TableName", head: true, value: ({ table }) => table.table_name, show: ({ table }) => name(table.table_name) },
  {
    name: "TableState", value: ({ state }) => state,
    show: ({ state, table }) => ({
      text: `${STATE_MARKS[state]} ${[state, ...words.tableTroubles(table)].join(", ")}`, tone: STATE_TONES[state] ?? "",
    }),
  },
  {
    name: "load", own: true, number: true, meter: true, title: "Share of the bytes of the load files that is settled",
    value: ({ share }) => share, show: ({ share }) => (share == null ? { text: DASH, tone: "zero" } : { text: `${percent(share, 1)} %`, share }),
  },
  dms("FullLoadRows", (table) => table.full_load_rows),
  dms("FullLoadErrorRows", (table) => table.full_load_error_rows),
  dms("Inserts", (table) => table.applied_inserts),
  dms("Updates", (table) => table.applied_updates),
  dms("Deletes", (table) => table.applied_deletes),
  dms("Ddls", (table) => table.applied_ddls),
  { ...dms("in flight", (table) => table.in_flight_records), own: true, title: "Rows that are read and not settled" },
  { ...dms("dead letters", figures.deadLetters, "bad"), own: true, title: "Rows of the load and of changes that were dead-lettered" },
  time("FullLoadStartTime", (table) => table.full_load_start_ms),
  time("LastUpdateTime", (table) => table.last_update_ms),
];

const tableGrid = grid({ label: "Tables", columns: TABLE_COLUMNS, keyOf: ({ table }) => figures.storedName(table) });
byId("tables-grid").append(...tableGrid.elements);

const FILTER_FROM = 12;

export function tables(status, nowMs) {
  const wanted = byId("filter").value.trim().toLowerCase();
  const rows = status.tables
    .filter((table) => figures.fullName(table).toLowerCase().includes(wanted))
    .map((table) => ({ table, nowMs, state: figures.tableState(table, status), share: figures.loadShare(table, status) }));
  show(byId("filter-label"), status.tables.length >= FILTER_FROM || wanted !== "");
  tableGrid.update(rows);
  const of = (state) => status.tables.filter((table) => figures.tableState(table, status) === state).length;
  const parts = [["loading", of("Full load")], ["being reloaded", of("Table is being reloaded")], ["before load", of("Before load")],
    ["completed", of("Table completed")], ["with an error", of("Table error")]];
  const told = parts.filter(([, number]) => number > 0).map(([word, number]) => `${grouped(number)} ${word}`);
  setText(byId("tables-note"), told.length > 0 ? `${grouped(status.tables.length)}: ${told.join(", ")}` : "none known yet");
  setLines(byId("tables-lines"), words.tableLines(status));
}

// ---------------------------------------------------------------- shards

const SHARD_COLUMNS = [
  { name: "shard", head: true, value: ({ shard }) => shard.shard_id, show: ({ shard }) => name(shard.shard_id) },
  {
    name: "state", value: ({ state }) => state.word,
    show: ({ state }) => ({ text: `${{ ok: "●", hot: "◆" }[state.word] ?? "▲"} ${state.text}`, tone: state.tone }),
  },
  { name: "records", number: true, value: ({ shard }) => shard.records, show: ({ shard }) => count(shard.records) },
  {
    name: "records/s", number: true, value: ({ perSecond }) => perSecond,
    show: ({ perSecond }) => (perSecond == null ? { text: DASH, tone: "zero" } : { text: rateText(perSecond), tone: perSecond > 0 ? "" : "zero" }),
  },
  {
    name: "time paced", number: true, meter: true, title: "Share of its time that its sender waits because the shard takes no more",
    value: ({ shard }) => shard.activity.paced_percent,
    show: ({ shard }) => ({ text: `${shard.activity.paced_percent} %`, share: Math.min(1, shard.activity.paced_percent / 100) }),
  },
];
const SHARDS_MAX = 200;
const shardGrid = grid({ label: "Shards", columns: SHARD_COLUMNS, keyOf: ({ shard }) => shard.shard_id, rowsMax: SHARDS_MAX });
byId("shards-grid").append(...shardGrid.elements);

export function shards(status, rate, steady, nowMs) {
  const rows = status.shards.map((shard) => ({
    shard, perSecond: rate ? rate.shard(shard.shard_id) : null, state: words.shardState(shard, nowMs, figures.isHot(shard, status)),
  }));
  // Of very many, those in trouble have to be among the ones that are shown.
  const badness = ({ state }) => ["stalled", "in doubt", "hot", "ok"].indexOf(state.word);
  shardGrid.update(rows.length > SHARDS_MAX ? rows.sort((one, other) => badness(one) - badness(other)) : rows);
  setText(byId("shards-note"), words.shardCause(status, steady));
}

// ---------------------------------------------------------------- files

const fileColumn = (label, of, tone) => ({ name: label, number: true, show: (row) => count(of(row), tone) });
const knownFiles = ({ known, isComplete }) =>
  known === 0 && !isComplete ? { text: DASH, tone: "zero", title: "not listed yet" } : { ...count(known), text: `${grouped(known)}${isComplete ? "" : "+"}` };
const FILE_COLUMNS = [
  { name: "files of", head: true, show: ({ queue }) => queue },
  { name: "known", number: true, show: knownFiles },
  fileColumn("waiting", ({ waiting }) => waiting),
  fileColumn("open", ({ open }) => open),
  fileColumn("done", ({ done }) => done),
  fileColumn("set aside", ({ setAside }) => setAside, "bad"),
  fileColumn("held back", ({ held }) => held, "bad"),
];
FILE_COLUMNS.at(-1).title = "Files of suspended tables, which are not read until the table is resumed";
const fileGrid = grid({ label: "Files", columns: FILE_COLUMNS, keyOf: ({ queue }) => queue });
byId("files-grid").append(...fileGrid.elements);

export function files(status) {
  const changes = figures.changeFiles(status);
  fileGrid.update([{ queue: "load", ...figures.loadFiles(status) }, { queue: "changes", ...changes }]);
  setOptional(byId("last-key"), changes.lastKey ? `Newest change file opened: ${printable(changes.lastKey)}` : "");
  const asideLines = words.setAsideLines(status);
  show(byId("set-aside-part"), asideLines.length > 0);
  setText(byId("set-aside-title"), `${counted(status.set_aside, "file")} set aside`);
  setLines(byId("set-aside"), asideLines);
  const unread = words.unreadLines(status);
  show(byId("unread-part"), unread.length > 0);
  setLines(byId("unread"), unread);
}

// ---------------------------------------------------------------- repairs, health

const repairGrid = grid({
  label: "Repairs", keyOf: ([what]) => what,
  columns: [
    { name: "records", head: true, show: ([what]) => what },
    { name: "count", number: true, show: ([, number]) => count(number) },
    { name: "meaning", show: ([, , meaning]) => meaning },
  ],
});
byId("repairs-grid").append(...repairGrid.elements);

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
  const restarts = status.generation > 1 ? `, ${counted(status.generation - 1, "restart")} of the data path` : "";
  const life = byId("life");
  const up = status.started_ms != null ? `runs for ${span(nowMs - status.started_ms)}` : "";
  setText(life, `process ${status.process_id} ${up}${restarts}`);
  setTitle(life, status.started_ms != null ? `started ${moment(status.started_ms)}, state of ${moment(status.updated_ms)}` : "");
  setText(byId("program"), `Bucket Brigade ${printable(version)}`);
}
