// The shards: a map of how much of both limits each takes, and a table that says the same and more.

import { byId, el, grid, keyed, setClass, setLines, setText, setTitle, show } from "./dom.js";
import { counted, percent, printable, rate as rateText } from "./format.js";
import { UNKNOWN, named, numeric } from "./cells.js";
import * as figures from "./figures.js";
import * as words from "./words.js";

const ofLimit = (rate, limit, text) => (rate == null ? UNKNOWN : { text, share: Math.min(1, rate / limit), tone: rate > 0 ? "" : "zero" });
const mega = (rate) => (rate / 1e6).toFixed(2);

const COLUMNS = [
  named("shard", ({ shard }) => shard.shard_id, true),
  {
    name: "state", value: ({ state }) => state.word,
    show: ({ state }) => ({ text: `${{ ok: "●", hot: "◆" }[state.word] ?? "▲"}\u00a0${state.word}${state.slowed ?? ""}`, tone: state.tone }),
  },
  {
    name: "records/s", number: true, meter: true, title: "Of 1,000 records a second, which a shard takes at most",
    value: ({ load }) => load?.records, show: ({ load }) => ofLimit(load?.records, figures.SHARD_RECORDS, rateText(load?.records ?? 0)),
  },
  {
    name: "MB/s", number: true, meter: true, title: "Of 1.05 MB (1 MiB) a second, which a shard takes at most",
    value: ({ load }) => load?.bytes, show: ({ load }) => ofLimit(load?.bytes, figures.SHARD_BYTES, mega(load?.bytes ?? 0)),
  },
  {
    name: "time paced", number: true, meter: true, title: "Share of the time that its sender waits for it",
    value: ({ shard }) => shard.activity.paced_percent,
    show: ({ shard }) => ({ text: `${shard.activity.paced_percent} %`, share: Math.min(1, shard.activity.paced_percent / 100) }),
  },
  {
    name: "hot key", number: true, title: "One partition key has at least this share of its records", value: ({ hotKey }) => hotKey,
    show: ({ hotKey }) => (hotKey == null ? UNKNOWN : { text: `◆\u00a0${percent(hotKey, 1)} %`, tone: "warn" }),
  },
  numeric("records", ({ shard }) => shard.records),
];
const SHARDS_MAX = 200;
const TILES_MAX = 600;
const shardGrid = grid({ parent: byId("shards-grid"), label: "Shards", columns: COLUMNS, keyOf: ({ shard }) => shard.shard_id, rowsMax: SHARDS_MAX });

export function shards(status, measured, steady, nowMs) {
  const hotKeys = new Map((measured?.hotKeys ?? []).map(({ shard, share }) => [shard, share]));
  const rows = status.shards.map((shard) => ({
    shard, load: figures.shardLoad(shard), hotKey: hotKeys.get(shard.shard_id) ?? null,
    state: words.shardState(shard, nowMs, figures.isHot(shard, status)),
  }));
  const stories = rows.filter(({ state }) => state.story);
  setLines(byId("shards-lines"), stories.map(({ shard, state }) => [{ code: printable(shard.shard_id) }, `: ${state.story}`]));
  map(rows);
  // Of very many, those in trouble have to be among the ones that are shown.
  const badness = ({ state }) => ["stalled", "in doubt", "hot", "ok"].indexOf(state.word);
  shardGrid.update(rows.length > SHARDS_MAX ? [...rows].sort((one, other) => badness(one) - badness(other)) : rows);
  setText(byId("shards-note"), rows.length > 0 ? counted(rows.length, "shard") : "");
  setText(byId("shards-cause"), words.shardCause(status, steady, measured?.hotKeys ?? []));
}

/** A tile for each shard, in the order of the stream: above how much of the limit of records it takes, below of that of bytes. */
function map(rows) {
  const known = rows.filter(({ load }) => load !== null);
  show(byId("heat"), known.length > 0);
  keyed(byId("heat-map"), known.slice(0, TILES_MAX), ({ shard }) => shard.shard_id, () => el("span", {}, el("span"), el("span")),
    (tile, { shard, load, state, hotKey }) => {
      const trouble = state.story ? " troubled" : "";
      setClass(tile, `tile${trouble}${hotKey == null ? "" : " keyed"}`);
      heat(tile.firstChild, load.records / figures.SHARD_RECORDS);
      heat(tile.lastChild, load.bytes / figures.SHARD_BYTES);
      setTitle(tile, `${printable(shard.shard_id)}: ${rateText(load.records)} records/s, ${mega(load.bytes)} MB/s, ${state.word}`);
    });
}

const FULL = 0.95;

function heat(cell, share) {
  setClass(cell, share >= FULL ? "full" : "");
  cell.style.setProperty("--heat", `${Math.round(Math.min(1, share) * 100)}%`);
}
