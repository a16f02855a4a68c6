// The last comparison of the stream with the files, and the order to make one.

import { byId, setClass, setOptional, setText, setTitle, show } from "./dom.js";
import { ago, grouped, moment, printable } from "./format.js";
import { setButtons } from "./actions.js";
import { terms } from "./cells.js";
import * as orders from "./orders.js";
import * as words from "./words.js";

export function verify(compared, status, nowMs) {
  const known = compared ?? null;
  const last = known?.last ?? null;
  const { text, tone } = words.verdict(known);
  setText(byId("verify-outcome"), text);
  setClass(byId("verify-outcome"), tone ? `verdict tone-${tone}` : "verdict plain");
  setText(byId("verify-note"), words.verifyNote(known, nowMs));
  setTitle(byId("verify-note"), last ? moment(last.at_ms) : "");
  setButtons(byId("verify-orders"), known && !known.is_running && !status.stop ? [orders.verify()] : []);
  show(byId("verify"), last !== null);
  if (last) {
    const bad = (number, tone) => ({ value: grouped(number), tone: number > 0 ? tone : "" });
    terms(byId("verify"), [
      { label: "Found", value: grouped(last.rows_found) },
      { label: "Missing", ...bad(last.rows_missing, "bad") },
      ...(last.rows_expired > 0 ? [{ label: "Expired", ...bad(last.rows_expired, "") }] : []),
      { label: "Repeated", ...bad(last.rows_repeated, "") },
      { label: "Out of order", ...bad(last.rows_out_of_order, "") },
    ]);
  }
  const success = known?.last_success ?? null;
  const isLast = success && last && success.at_ms === last.at_ms;
  setOptional(byId("verify-success"), !last || isLast ? "" : success ? `The last success was ${ago(nowMs - success.at_ms)}.` : "None has succeeded yet.");
  setTitle(byId("verify-success"), success ? moment(success.at_ms) : "");
  setOptional(byId("verify-problem"), printable(known?.problem ?? ""));
}
