// What is measured: lag and pace, who holds the rows up, and what the checkpoint is good for.

import { byId, el, keyed, setClass, setOptional, setText, show } from "./dom.js";
import { about, bytes, grouped, percent, rate as rateText, span } from "./format.js";
import { DASH, terms } from "./cells.js";
import * as figures from "./figures.js";
import * as words from "./words.js";

// --- lag and pace

export function lag(status, measured, rate, leftMs) {
  const waiting = figures.loadFiles(status).waiting + figures.changeFiles(status).waiting;
  const inFlight = figures.identity(status).inFlight;
  const of = (value, show) => (rate ? show(value(rate)) : DASH);
  const perRequest = rate?.requests > 0 ? `${rateText(rate.rows / rate.requests)} records each` : "";
  const left = figures.loadBytes(status).left;
  terms(byId("lag"), [
    behind(status, measured),
    {
      label: "Freshness", value: measured?.freshnessMs == null ? DASH : span(measured.freshnessMs),
      more: measured?.freshnessMs == null ? "no change file is settled yet" : "from written to settled, last change file",
    },
    load(status, leftMs),
    {
      label: "Waiting", value: grouped(waiting), unit: waiting === 1 ? "file" : "files",
      more: status.phase === "full_load" && left > 0 ? `${bytes(left)} of the load left` : "",
    },
    { label: "Delivered", value: of((one) => one.rows, rateText), unit: "rows/s" },
    { label: "Sent", value: of((one) => one.sentBytes / 1e6, (mega) => mega.toFixed(mega < 10 ? 2 : 1)), unit: "MB/s" },
    { label: "Requests", value: of((one) => one.requests, rateText), unit: "/s", more: perRequest },
    { label: "In flight", value: grouped(inFlight), unit: inFlight === 1 ? "row" : "rows", more: bytes(status.in_flight_bytes) },
  ]);
  setText(byId("lag-note"), rate ? `rates are those of the last ${span(rate.overMs)}` : "rates are not known yet");
}

/** How old the oldest file is that is not settled: of the phase that the task is in. */
function behind(status, measured) {
  const [kind, ms] = status.phase === "full_load" ? ["load", measured?.oldestMs.load] : ["change", measured?.oldestMs.changes];
  if (ms == null) return { label: "Behind", value: DASH, more: measured ? `no ${kind} file waits to be settled` : "not known" };
  return { label: "Behind", value: span(ms), more: `age of the oldest ${kind} file not settled` };
}

function load(status, leftMs) {
  if (status.phase !== "full_load") return { label: "Load", value: "over" };
  return { label: "Load", value: leftMs == null ? DASH : about(leftMs), more: leftMs == null ? "when it is done cannot be said yet" : "left at this pace" };
}

// --- who holds the rows up

export function waits(measured) {
  const shares = measured?.waits ?? null;
  setText(byId("waits-cause"), words.waitsText(measured));
  show(byId("waits-bar"), shares !== null);
  show(byId("waits"), shares !== null);
  if (shares === null) return;
  const shown = words.WAITS.filter(([part]) => shares[part] >= 0.005);
  keyed(byId("waits-bar"), shown, ([part]) => part, ([part]) => el("span", { class: `part-${part}` }), (element, [part]) => {
    element.style.flexGrow = shares[part];
  });
  keyed(byId("waits"), words.WAITS, ([part]) => part, ([part, , meaning]) =>
    el("div", {}, el("dt", {}, el("span", { class: `swatch part-${part}`, "aria-hidden": "true" }), part), el("dd", { class: "value" }),
      el("dd", { class: "share" }, meaning)),
  (element, [part]) => setText(element.children[1], `${percent(shares[part], 1)} %`));
}

// --- the checkpoint

export function margin(status, measured) {
  const { checkpointAgeMs: age, marginMs } = measured ?? {};
  terms(byId("margin"), [
    age == null
      ? { label: "Last commit", value: DASH, more: measured ? "nothing is in flight" : "not known" }
      : { label: "Last commit", value: span(age), unit: "ago" },
    marginMs == null
      ? { label: "Retention margin", value: DASH, more: "no retention of the target is known" }
      : { label: "Retention margin", value: span(marginMs), tone: words.marginTone(marginMs), more: "to read back what is in flight" },
  ]);
  setClass(byId("margin-warning"), `tone-${words.marginTone(marginMs)}`);
  setOptional(byId("margin-warning"), words.marginWarning(marginMs));
}
