// What follows from snapshots: sums, the identity, states, rates, time left. Pure: no DOM, no clock.

const sum = (items, of) => items.reduce((total, item) => total + (of(item) || 0), 0);

// --- one table

export const delivered = (table) =>
  table.full_load_rows + table.applied_inserts + table.applied_updates + table.applied_deletes + table.applied_ddls;
export const deadLetters = (table) => table.full_load_error_rows + table.change_error_rows;
export const suspension = (table) => table.trouble.suspension;
export const fullName = (table) => `${table.schema_name}.${table.table_name}`;

/** The name of a table in commands: dots and backslashes of the schema are escaped. */
export const storedName = (table) =>
  `${table.schema_name.replace(/[\\.]/g, (character) => `\\${character}`)}.${table.table_name}`;

/** Rows read less those that are settled or in flight: anything but 0 is a defect. */
export const difference = (table) =>
  table.read_records - delivered(table) - deadLetters(table) - table.filtered_rows - table.in_flight_records;

/** `TableState` in the words of DMS. Changes begin when every load is over, or where there is none. */
export function tableState(table, status) {
  if (table.objects_quarantined > 0 || suspension(table)) return "Table error";
  if (table.full_load_end_ms != null || status.phase === "changes") return "Table completed";
  if (status.reloaded.includes(`load:${storedName(table)}`)) return "Table is being reloaded";
  return table.full_load_start_ms != null ? "Full load" : "Before load";
}

const isLoading = (table) => table.full_load_end_ms == null && !suspension(table);

/** How much of the load files of a table is settled, 0 to 1; `null` if that is not known. */
export function loadShare(table, status) {
  if (table.full_load_end_ms != null) return 1;
  if (status.phase === "changes" || !table.load.is_complete) return null;
  const total = table.bytes + bytesLeft(table);
  return total > 0 ? Math.min(0.99, table.bytes / total) : 0;
}

// --- the task

/** Read = delivered + dead + filtered + in flight. Rows of no table and of unselected tables are on both sides. */
export function identity(status) {
  const { tables, unassigned_error_rows: unassigned, unselected_rows: unselected } = status;
  return {
    read: sum(tables, (table) => table.read_records) + unassigned + unselected,
    delivered: sum(tables, delivered),
    dead: sum(tables, deadLetters) + unassigned,
    filtered: sum(tables, (table) => table.filtered_rows) + unselected,
    inFlight: sum(tables, (table) => table.in_flight_records),
    broken: tables.filter((table) => difference(table) !== 0),
  };
}

/** Files of the load by state. What a suspended table does not read waits for a person. */
export function loadFiles(status) {
  const of = (tables) => ({
    known: sum(tables, (table) => table.load.known),
    opened: sum(tables, (table) => table.load.opened),
    done: sum(tables, (table) => table.load.ended),
    setAside: sum(tables, (table) => table.load.quarantined),
  });
  const going = of(status.tables.filter((table) => !suspension(table)));
  const held = of(status.tables.filter(suspension));
  return {
    known: going.known + held.known,
    isComplete: status.tables.every((table) => table.load.is_complete || table.full_load_end_ms != null),
    waiting: Math.max(0, going.known - going.opened),
    open: Math.max(0, going.opened - going.done - going.setAside),
    done: going.done + held.done,
    setAside: going.setAside + held.setAside,
    held: Math.max(0, held.known - held.done - held.setAside),
  };
}

/** The same of the change files. */
export function changeFiles({ changes }) {
  return {
    known: changes.known,
    isComplete: changes.is_complete,
    waiting: Math.max(0, changes.known - changes.opened),
    open: Math.max(0, changes.opened - changes.ended - changes.quarantined),
    done: changes.ended,
    setAside: changes.quarantined,
    held: 0,
    lastKey: changes.last_key,
  };
}

/** Bytes of the load files of a table that are not settled. Those of the last files are in flight when they are read. */
function bytesLeft(table) {
  const settledRows = delivered(table) + deadLetters(table) + table.filtered_rows;
  const perRow = settledRows > 0 ? table.bytes / settledRows : table.load.opened_bytes / Math.max(1, table.read_records);
  return Math.max(table.load_bytes_left, table.in_flight_records * perRow);
}

/** Bytes of the load that are settled, and those that are left of tables that go on. */
export const loadBytes = (status) => ({ settled: sum(status.tables, (table) => table.bytes), left: sum(status.tables.filter(isLoading), bytesLeft) });

/** What a shard takes a second at most. */
export const SHARD_RECORDS = 1000;
export const SHARD_BYTES = 1024 * 1024;

/** What a shard took a second, lately; `null` where that is not known. */
export function shardLoad({ activity: { lately } }) {
  return lately ? { records: lately.records_rate, bytes: lately.bytes_rate } : null;
}

/** Whether a shard is what holds its records up. What it said last stays, so it means nothing with nothing in flight. */
export const isHot = (shard, status) => status.in_flight_bytes > 0 && shard.activity.paced_percent >= 50;

// --- what the task measures

/** The figures of a snapshot so many ms later, in ms: ages grow by themselves. `null` of a program that gives none. */
export function measured({ figures }, laterMs) {
  if (!figures) return null;
  const ms = (seconds) => (seconds == null ? null : seconds * 1000);
  const later = (seconds, direction) => (seconds == null ? null : Math.max(0, seconds * 1000 + direction * laterMs));
  const isInFlight = figures.checkpoint_age_seconds != null;
  return {
    oldestMs: { load: later(figures.oldest_unsettled_seconds.load, 1), changes: later(figures.oldest_unsettled_seconds.changes, 1) },
    freshnessMs: ms(figures.freshness_seconds),
    leftMs: later(figures.eta_seconds, -1),
    checkpointAgeMs: later(figures.checkpoint_age_seconds, 1),
    marginMs: isInFlight ? later(figures.retention_margin_seconds, -1) : ms(figures.retention_margin_seconds),
    hotKeys: figures.hot_keys,
    waits: figures.waits,
  };
}

// --- rates

/** What rates are made of, out of one complete snapshot. */
export function sample(snapshot, atMs) {
  const { status, counters } = snapshot;
  return {
    atMs,
    life: `${status.process_id}/${status.started_ms}`,
    rows: counters.records,
    loadBytes: loadBytes(status).settled,
    sentBytes: counters.bytes,
    requests: counters.requests,
    shards: new Map(status.shards.map((shard) => [shard.shard_id, shard.records])),
  };
}

/** What is shown follows quickly; what is foretold has to be steady, because rows are settled file by file. */
export const SHORT_MS = 10_000;
export const LONG_MS = 60_000;

/** The samples with a new one: the oldest stays until the next can stand for the longest window. */
export function withSample(samples, next) {
  const kept = samples.filter((one) => one.life === next.life && one.atMs < next.atMs);
  kept.push(next);
  while (kept.length > 2 && next.atMs - kept[1].atMs >= LONG_MS) kept.shift();
  return kept;
}

/** Amounts per second between two samples, a window apart; `null` before there are two, or if a count went back. */
export function rates(samples, windowMs) {
  const last = samples.at(-1);
  const first = samples.findLast((one) => last.atMs - one.atMs >= windowMs) ?? samples[0];
  const ms = last ? last.atMs - first.atMs : 0;
  if (ms < 500 || last.rows < first.rows || last.loadBytes < first.loadBytes || last.sentBytes < first.sentBytes) return null;
  const perSecond = (of) => (of(last) - of(first)) / (ms / 1000);
  return {
    overMs: ms,
    rows: perSecond((one) => one.rows),
    loadBytes: perSecond((one) => one.loadBytes),
    sentBytes: perSecond((one) => one.sentBytes),
    requests: perSecond((one) => one.requests),
    shard: (id) => Math.max(0, perSecond((one) => one.shards.get(id) ?? 0)),
  };
}

const COMPRESSED = /\.(gz|gzip|zst|zstd|parquet)$/i;

/**
 * How long the full load still takes, in ms; `null` where that cannot be said: while files are being listed, while
 * something is away, stalled or in doubt, and where sizes on disk are not those of the rows (compressed files).
 */
export function loadLeftMs(status, rate, leftMs) {
  const tables = status.tables.filter(isLoading);
  const isKnown =
    status.phase === "full_load" && status.generation > 0 && !status.stop && tables.length > 0 &&
    tables.every((table) => table.load.is_complete) && status.outages.length === 0 &&
    status.shards.every(({ activity }) => !activity.stall && !activity.doubt);
  const isPlain = tables.every(({ load }) => !COMPRESSED.test(load.last_key ?? ""));
  if (!isKnown || !isPlain) return null;
  // The task looks at its pace for longer than this page.
  if (leftMs != null) return leftMs;
  if (!rate || rate.overMs < LONG_MS / 2 || !(rate.loadBytes > 0)) return null;
  return (loadBytes(status).left / rate.loadBytes) * 1000;
}
