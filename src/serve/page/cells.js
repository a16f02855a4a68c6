// Cells of tables, and terms with a value, as several sections have them. Pure but for the DOM of the terms.

import { el, keyed, setClass, setText } from "./dom.js";
import { grouped, printable } from "./format.js";

export const DASH = "–";
export const UNKNOWN = { text: DASH, tone: "zero" };

export const named = (column, of, head = false) => ({ name: column, head, value: of, show: (row) => printable(of(row)) });
export const count = (number, tone = "") => ({ text: grouped(number), tone: number > 0 ? tone : "zero" });
export const numeric = (column, of, { tone, ...more } = {}) =>
  ({ name: column, number: true, value: of, show: (row) => count(of(row), tone), ...more });

/** Makes the terms in a list those that are given: `{ label, value, unit, more, tone }`. */
export function terms(list, wanted) {
  const create = ({ label }) =>
    el("div", {}, el("dt", {}, label), el("dd", {}, el("span", { class: "value" }), " ", el("span", { class: "unit" })), el("dd", { class: "share" }));
  keyed(list, wanted, ({ label }) => label, create, (element, { value, unit = "", more = "", tone = "" }) => {
    const [, shown, share] = element.children;
    setText(shown.firstChild, value);
    setClass(shown.firstChild, tone ? `value tone-${tone}` : "value");
    setText(shown.lastChild, unit);
    setText(share, more);
  });
}
