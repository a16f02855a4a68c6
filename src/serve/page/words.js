// What the figures mean, in words. Pure: no DOM, no clock. Foreign text comes out printable.
//
// A line is a list of parts: a text, or `{ code }` for a key, a name or a command.

import { about, ago, counted, grouped, isOrAre, percent, printable, span } from "./format.js";
import * as figures from "./figures.js";

const code = (text) => ({ code: printable(text) });
const named = (keys, max = 5) =>
  keys.slice(0, max).flatMap((key, index) => [index > 0 ? ", " : "", code(key)]).concat(keys.length > max ? " and more" : "");

/** What the task is doing and how far it is. Without numbers that change at every look: it is read out. */
export function sentence(status, leftMs, behindMs) {
  if (status.stop) return `Stopped: ${printable(status.stop.reason).toLowerCase().replaceAll("_", " ")}.`;
  if (status.paused) return "Paused: nothing is read or sent.";
  if (status.generation === 0) return "Starting.";
  const away = status.outages.map((outage) => outage.side);
  const what = status.phase === "full_load" ? load(status, leftMs) : changes(status, behindMs, away.length > 0);
  return away.length > 0 ? `Waiting for the ${away.join(" and the ")}, which ${isOrAre(away.length)} away. ${what}`.trim() : what;
}

function load(status, leftMs) {
  const { settled, left } = figures.loadBytes(status);
  if (!status.tables.every((table) => table.load.is_complete || table.full_load_end_ms != null)) {
    return "Full load; the files are still being listed.";
  }
  const share = Math.min(99, percent(settled, settled + left));
  return leftMs == null ? `Full load: ${share} % done.` : `Full load: ${share} %, done in about ${about(leftMs)}.`;
}

function changes(status, behindMs, isAway) {
  const { waiting, open, known, isComplete } = figures.changeFiles(status);
  if (known === 0 && !isComplete && status.changes_start == null) return "Full load complete.";
  if (known === 0 && !isComplete) return "Reading changes; the files are still being listed.";
  const behind = behindMs == null ? "" : `, ${behindMs < 60_000 ? "less than a minute" : about(behindMs)} behind`;
  if (waiting > 0) return `Reading changes${behind}; more files wait.`;
  // Nobody knows then whether there are more.
  if (isAway) return "";
  if (open > 0 || status.in_flight_bytes > 0) return `Reading changes${behind}; no file waits.`;
  return "Up to date: no change file waits.";
}

/** What a person should look at, worst first; empty if there is nothing. */
export function concerns(status, compared) {
  const broken = figures.identity(status).broken.length;
  const suspended = status.tables.filter(figures.suspension).length;
  const stalled = status.shards.filter(({ activity }) => activity.stall).length;
  const doubtful = status.shards.filter(({ activity }) => activity.doubt).length;
  const texts = [];
  const tell = (count, noun, what) => count > 0 && texts.push(`${counted(count, noun)} ${isOrAre(count)} ${what}`);
  if (broken > 0) texts.push(`the rows of ${counted(broken, "table")} do not add up`);
  tell(suspended, "table", "suspended");
  tell(stalled, "shard", "stalled");
  tell(doubtful, "shard", "in doubt");
  tell(status.set_aside, "file", "set aside");
  tell(compared?.findings?.rows_missing ?? 0, "row", "missing in the stream");
  if (texts.length === 0) return "";
  const text = texts.length > 1 ? `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}` : texts[0];
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/** Whether the rows add up. */
export function identityText({ broken }) {
  if (broken.length === 0) return "Adds up";
  const names = broken.slice(0, 3).map((table) => `${printable(figures.fullName(table))} by ${grouped(figures.difference(table))} rows`);
  return `Does not add up: ${names.join(", ")}${broken.length > 3 ? " and more" : ""}. This is a defect of brigade; please report it.`;
}

// --- tables

/** Why a table is in the state `Table error`. */
export function tableTroubles(table) {
  const aside = table.objects_quarantined;
  return [figures.suspension(table) && "suspended", aside > 0 && `${counted(aside, "file")} set aside`].filter(Boolean);
}

/** What the columns of a table have no room for. */
export function tableLines(status) {
  // Suspended tables come first, because only the first lines are shown.
  const lines = [...status.tables.filter(figures.suspension), ...status.tables.filter((table) => !figures.suspension(table))].flatMap(remarks);
  if (status.unassigned_error_rows > 0) {
    lines.push([`${counted(status.unassigned_error_rows, "dead letter")} of no table`]);
  }
  if (status.unselected_rows > 0) {
    lines.push([`${counted(status.unselected_rows, "change row")} of tables that no rule of the table mappings selects`]);
  }
  return lines;
}

function remarks(table) {
  const name = code(figures.fullName(table));
  const lines = [];
  const tell = (count, text) => count > 0 && lines.push([name, `: ${counted(count, "row")} ${text}`]);
  const suspended = figures.suspension(table);
  if (suspended) {
    lines.push([name, " is suspended since ", ...place(suspended), ". Nothing after that is sent until it is resumed, here or by ",
      code(`brigade tables resume ${figures.storedName(table)}`)]);
    if (table.load.unread.length > 0) lines.push([name, ": load files not read yet: ", ...named(table.load.unread)]);
  }
  tell(table.filtered_rows, "left out by a filter of the table mappings");
  tell(table.truncated_rows, "sent with a value that was cut or rounded to fit");
  tell(table.skipped_header_rows, "skipped as headers of files that read like rows of the table");
  return lines;
}

function place({ key, row, reason }) {
  const column = row?.column ? `, column ${printable(row.column)}` : "";
  const at = row ? `, line ${grouped(row.line)}, byte ${grouped(row.byte)}${column}` : "";
  return [code(key), `${at}: ${printable(reason)}`];
}

// --- shards

const WAITS_FOR = {
  answer: "a request has no answer yet",
  pace: "it waits for its turn at the pace of the configuration",
  throughput: "the service refuses its records, because the throughput of the shard is exceeded",
  service: "requests fail",
  doubt: "records are in doubt, and the stream is read back",
  state: "the state is not written yet",
};

/** What a shard is doing: a word, the whole story if it is in trouble, and how bad that is. */
export function shardState({ activity }, nowMs, isHot) {
  const { stall, doubt } = activity;
  if (doubt) return { word: "in doubt", story: `in doubt, ${readBack(doubt, nowMs)}`, tone: "warn" };
  if (stall) {
    const cause = WAITS_FOR[stall.waits_for] ?? printable(stall.waits_for);
    return { word: "stalled", story: `nothing stored for ${span(stall.lasted_ms)}: ${cause}`, tone: "bad" };
  }
  const slowed = activity.rate_percent > 0 && activity.rate_percent < 100 ? `, slowed to ${activity.rate_percent} %` : "";
  if (isHot) return { word: "hot", slowed, tone: "warn" };
  return { word: "ok", slowed };
}

function readBack(doubt, nowMs) {
  const waitMs = doubt.settled_at_ms - nowMs;
  if (doubt.behind_ms == null) return waitMs > 0 ? `reading back starts in ${span(waitMs)}` : "reading back";
  const left = `${counted(doubt.records_read, "record")} read back, ${span(doubt.behind_ms)} of the shard left`;
  return doubt.remaining_ms != null && doubt.behind_ms > 0 ? `${left}, done in about ${span(doubt.remaining_ms)}` : left;
}

/** Whether shards are what holds records up, and why. */
export function shardCause(status, rate, hotKeys) {
  const { shards } = status;
  if (shards.length === 0) return "No shard is known yet.";
  const hot = shards.filter((shard) => figures.isHot(shard, status)).length;
  const texts = [];
  if (hot === 0) texts.push("No shard is hot.");
  else if (hot === shards.length) texts.push(`${hot === 1 ? "The only shard is" : `All ${grouped(hot)} shards are`} hot: the pace of the shards is the limit.`);
  else texts.push(`${grouped(hot)} of ${grouped(shards.length)} shards ${isOrAre(hot)} hot; the others could take more.`);
  if (hotKeys.length > 0) {
    const [{ shard, share }] = hotKeys;
    const more = hotKeys.length > 1 ? `; ${counted(hotKeys.length - 1, "other shard")} ${hotKeys.length === 2 ? "has" : "have"} a hot key too` : "";
    texts.push(`One partition key has at least ${percent(share, 1)} % of the records of ${printable(shard)}${more}${hot > 0 ? ": more shards would not help it" : ""}.`);
  }
  const perShard = shards.map((shard) => [shard.shard_id, rate?.shard(shard.shard_id) ?? 0]);
  // A share of a moment says little: a shard is written to in turns.
  const total = (rate?.overMs ?? 0) < figures.LONG_MS / 2 ? 0 : perShard.reduce((all, [, one]) => all + one, 0);
  const [id, most] = perShard.reduce((best, one) => (one[1] > best[1] ? one : best), ["", 0]);
  if (shards.length > 1 && total > 0 && most / total >= Math.max(0.5, 2 / shards.length)) {
    texts.push(`${printable(id)} takes ${percent(most, total)} % of all records.`);
  }
  return texts.join(" ");
}

// --- who holds the rows up

/** The parts of the way, and what waiting for them means. */
export const WAITS = [
  ["source", "the source", "readers wait for bytes or a listing"],
  ["parse", "this machine", "rows are decoded and rendered"],
  ["shard", "the shards", "they take no more for now"],
  ["service", "the service", "requests have no answer yet"],
];

/** Who held the rows up, in one sentence. */
export function waitsText(measured) {
  if (!measured) return "This program does not say where it waits.";
  if (!measured.waits) return "Nothing had to wait.";
  const [part, whom, meaning] = [...WAITS].sort(([one], [other]) => measured.waits[other] - measured.waits[one])[0];
  const most = measured.waits[part] >= 0.5 ? "Mostly for" : "For several, most for";
  return `${most} ${whom}: ${meaning}.`;
}

// --- what the checkpoint is good for

const HOUR_MS = 3_600_000;

export const marginTone = (ms) => (ms == null ? "" : ms < HOUR_MS ? "bad" : ms < 6 * HOUR_MS ? "warn" : "");

export function marginWarning(ms) {
  if (ms == null || ms >= 6 * HOUR_MS) return "";
  return "Commits have to go on before the stream forgets what is in flight: after that nobody can tell which of it was stored.";
}

// --- verify

const VERDICTS = {
  complete: { text: "✓ Complete: every delivered row is in the stream", tone: "good" },
  complete_from_oldest: { text: "✓ Nothing is missing as far back as the stream goes", tone: "good" },
  incomplete: { text: "▲ Incomplete: files are set aside", tone: "warn" },
  unproven: { text: "▲ Unproven: some rows could not be compared", tone: "warn" },
  missing: { text: "✗ Rows are missing in the stream", tone: "bad" },
};

/** What came of the last comparison of the stream with the files. */
export function verdict(known) {
  if (!known) return { text: "Nothing is known of comparisons of the stream with the files." };
  if (!known.last) return { text: known.is_running ? "The first comparison is under way." : "The stream was not compared with the files yet." };
  const { text, tone } = VERDICTS[known.last.outcome] ?? { text: printable(known.last.outcome), tone: "warn" };
  return { text: known.last.is_partial ? `${text}; some tables or files only` : text, tone };
}

export function verifyNote(known, nowMs) {
  if (!known) return "";
  const { is_running: isRunning, last } = known;
  const when = last ? `${last.is_partial ? "some tables, " : ""}${ago(nowMs - last.at_ms)}` : "";
  return [isRunning && "comparing now", when && (isRunning ? `last ${when}` : when)].filter(Boolean).join("; ");
}

// --- files

/** Files that are not read, and how they would be. */
export function unreadLines(status) {
  const lines = [];
  if (status.changes.in_front > 0) {
    lines.push([`${counted(status.changes.in_front, "change file")} before the start ${isOrAre(status.changes.in_front)} not read`]);
  }
  for (const table of status.tables) {
    const cure = ["; ", code(`brigade reload --table ${figures.storedName(table)}`), " loads the table again"];
    const name = code(figures.fullName(table));
    if (table.load.has_no_file) lines.push([name, ": the load was complete without a file", ...cure]);
    if (table.load.after_load > 0) {
      lines.push([name, `: ${counted(table.load.after_load, "load file")} came after the load was complete: `, ...named(table.load.unread), ...cure]);
    }
    lines.push(...leftOut(name, table.load, cure));
  }
  return [...lines, ...leftOut("Change files", status.changes, [])];
}

function leftOut(name, counts, cure) {
  const kinds = [
    [{ count: counts.replaced, first_keys: counts.replaced_first }, "replaced after being read, and not read again", cure],
    [counts.not_data, "not data, by name or by `source.files`", []],
    [counts.unread_changes, "named as change files and not read as load files", []],
    [counts.read_otherwise, "read as another kind before the configuration changed", []],
  ];
  return kinds.filter(([some]) => some.count > 0).map(([{ count, first_keys: keys }, what, more]) =>
    [name, `: ${counted(count, "file")} ${isOrAre(count)} ${what}${keys.length > 0 ? ": " : ""}`, ...named(keys), ...more]);
}

/**
 * Files that are set aside and wait for somebody, newest first. The state is the newest word on which they are; the list of
 * all of them, which may be older or not there yet, says how far each was read.
 */
export function setAsideFiles(status, listing) {
  const idOf = (queue, key) => `${queue} ${key}`;
  const listed = new Map((listing?.files ?? []).filter(({ decision }) => decision === null).map((file) => [idOf(file.queue, file.key), file]));
  const newest = [...status.quarantined].reverse().map(({ id, key, reason }) => ({ id: idOf(id.queue, key), key, reason }));
  const known = new Set(newest.map(({ id }) => id));
  // Only where the state has no room for all of them: what is missing there otherwise was decided since.
  const older = status.set_aside > newest.length ? [...listed].reverse().filter(([id]) => !known.has(id)) : [];
  const all = [...newest, ...older.map(([id, { key, reason }]) => ({ id, key, reason }))];
  return all.map((file) => ({ ...file, read: readPart(listed.get(file.id)) }));
}

function readPart(file) {
  if (!file) return "";
  const doubt = file.in_doubt ? "; more of it may be in the stream" : "";
  if (file.rows_settled === 0) return `None of its rows is settled${doubt}.`;
  const rows = `${counted(file.rows_settled, "row")} of it ${isOrAre(file.rows_settled)} settled`;
  return `${rows}; it goes on at line ${grouped(file.line)}, byte ${grouped(file.byte)}${doubt}.`;
}

// --- dead letters, events, checkpoint

/** Dead letters by code and, in each, by object: the codes with most of them first. */
export function lettersByCode(letters) {
  const groups = Map.groupBy(letters, ({ code: one }) => one);
  return [...groups].sort(([, one], [, other]) => other.length - one.length).map(([name, ofCode]) => ({
    code: name, count: ofCode.length,
    objects: [...Map.groupBy(ofCode, ({ key }) => key)].map(([key, ofObject]) => ({ key, letters: ofObject, table: ofObject[0].table })),
  }));
}

/** Where a dead letter is, why, and whether its row was sent since. No value of the row is known here. */
export function letterLine({ ordinal, line, column, reason, replayed }) {
  const at = `Row ${grouped(ordinal)}, line ${grouped(line)}`;
  const sent = replayed ? `; sent again ${printable(replayed)}` : "";
  return [at, ...(column ? [", column ", code(column)] : []), `: ${printable(reason)}${sent}`];
}

const EVENT_NOUNS = { OPERATION_ORDERED: "order", FILE_RETRY_REQUESTED: "file", FILE_SKIPPED: "file" };

/** What kind an event is: `REPLICATION_TASK_STARTED` is `started`. */
export const eventKind = (type) => EVENT_NOUNS[type] ?? printable(type).replace("REPLICATION_TASK_", "").toLowerCase().replaceAll("_", " ");

/** What the tables below do not say: how far each open file is settled. */
export function openFiles({ unfinished }) {
  const files = unfinished.filter(({ state }) => state.open);
  const waiting = unfinished.filter(({ state }) => state === "registered").length;
  const lines = files.map(({ version, state }) => {
    const { ordinal, line } = state.open.watermark;
    const doubt = state.open.is_in_doubt ? "; more of it may be in the stream" : "";
    const settled = ordinal === 0 ? "no row is settled" : `${counted(ordinal, "row")} settled, the next is on line ${grouped(line + 1)}`;
    return [code(version.key), `: ${settled}${doubt}`];
  });
  if (lines.length === 0) lines.push(["No file is open."]);
  if (waiting > 0) lines.push([`${counted(waiting, "file")} not begun`]);
  return lines;
}

// --- repairs

/** What was repaired, with what each count means. */
export function repairs(counts) {
  const again = counts.refused + counts.repeated + Math.max(0, counts.doubtful - counts.found);
  return [
    ["Refused", counts.refused, "a shard took no more, and they were sent again"],
    ["In doubt", counts.doubtful, "their request ended without an answer"],
    ["Found", counts.found + counts.recovered, counts.recovered > 0
      ? `in the stream when it was read back, ${grouped(counts.recovered)} of them of a process before this one`
      : "in the stream when it was read back"],
    ["Sent for order", counts.repeated, "were stored, and went again after a refused one of their key"],
    ["Sent again in all", again, "refused, for order, or in doubt and not found"],
    ["Out of order", counts.inversions, "were stored in another order than they were sent in"],
    ["Skipped", counts.skipped, "the checkpoint proved that they were stored already"],
  ];
}
