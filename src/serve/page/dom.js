// Small helpers on the DOM. Text gets in as text only, and what did not change is not touched, so that focus, selection
// and scroll positions stay.

/** An element with attributes and children (elements or texts). */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value != null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setClass(element, name) {
  if (element.className !== name) element.className = name;
}

export function setTitle(element, title) {
  if (!title) element.removeAttribute("title");
  else if (element.title !== title) element.title = title;
}

export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/** Sets the text of an element, and hides it if there is none. */
export function setOptional(element, text) {
  setText(element, text);
  show(element, text !== "");
}

/** Makes the children of a parent those of the items: known keys keep their element, in the order of the items. */
export function keyed(parent, items, keyOf, create, update) {
  const known = (parent.keyedChildren ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, element] of known) {
    if (wanted.has(key)) continue;
    element.remove();
    known.delete(key);
  }
  items.forEach((item, index) => {
    const key = keyOf(item);
    const element = known.get(key) ?? create(item);
    known.set(key, element);
    update(element, item);
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
}

const LINES_MAX = 30;

/** Lines of parts, as the module `words` makes them: the first ones. */
export function setLines(list, lines) {
  const first = lines.slice(0, LINES_MAX);
  if (lines.length > LINES_MAX) first.push([`and ${lines.length - LINES_MAX} more`]);
  const numbered = first.map((parts, index) => ({ parts, key: index }));
  const write = (item, { parts }) => {
    const content = JSON.stringify(parts);
    if (item.content === content) return;
    item.content = content;
    item.replaceChildren(...parts.map((part) => (typeof part === "string" ? part : el("code", {}, part.code))));
  };
  keyed(list, numbered, ({ key }) => key, () => el("li"), write);
  show(list, lines.length > 0);
}

/** A `CamelCase` name that may be broken between its words; `MB/s` is one. */
function breakable(name) {
  return name.split(/(?=[A-Z][a-z])/).flatMap((word, index) => (index > 0 ? [el("wbr"), word] : [word]));
}

/**
 * A table that can be sorted. A column is `{ name, title?, number?, own?, meter?, value(row), show(row) }`: `show` gives a
 * text or `{ text, title, tone, share }`; `value` is what it is sorted by, and a column without one is not. A column with
 * `fill(cell, row)` fills its cells itself.
 */
export function grid({ parent, label, columns, keyOf, rowsMax = 1000 }) {
  const body = el("tbody");
  const buttons = columns.map((column) => column.value && el("button", { type: "button" }, ...breakable(column.name)));
  const heads = columns.map((column, index) =>
    el("th", { scope: "col", class: classOf(column), title: column.title }, ...(buttons[index] ? [buttons[index]] : breakable(column.name))));
  const more = el("p", { class: "quiet", hidden: true });
  const table = el("table", {}, el("caption", { class: "unseen" }, label), el("thead", {}, el("tr", {}, ...heads)), body);
  // What scrolls sideways has to be reachable with the keyboard.
  const scroller = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${label}, all columns` }, table);
  let sorting = { index: -1, direction: 1 };
  let rows = [];

  function render() {
    heads.forEach((head, index) => {
      const isSorted = index === sorting.index;
      if (isSorted) head.setAttribute("aria-sort", sorting.direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    const sorted = sorting.index < 0 ? rows : [...rows].sort(order(columns[sorting.index], sorting.direction));
    keyed(body, sorted.slice(0, rowsMax), keyOf, () => newRow(columns), (element, row) => fillRow(element, columns, row));
    setOptional(more, rows.length > rowsMax ? `and ${rows.length - rowsMax} more` : "");
  }

  buttons.forEach((button, index) => button?.addEventListener("click", () => {
    // First the way that is of use, then the other, then as they came.
    const first = columns[index].number ? -1 : 1;
    if (sorting.index !== index) sorting = { index, direction: first };
    else if (sorting.direction === first) sorting = { index, direction: -first };
    else sorting = { index: -1, direction: 1 };
    render();
  }));
  const update = (next) => {
    rows = next;
    render();
  };
  parent.append(scroller, more);
  return { update };
}

const classOf = ({ number, own, meter, name }) =>
  [number && "number", own && "own", meter && "metered", `c-${name.replace(/\W+/g, "-").toLowerCase()}`].filter(Boolean).join(" ");

function order({ value }, direction) {
  return (one, other) => {
    const [a, b] = [value(one), value(other)];
    // What is not known comes last, whatever the direction.
    if (a == null || b == null) return (a == null) - (b == null);
    return direction * (typeof a === "string" ? a.localeCompare(b) : a - b);
  };
}

function newRow(columns) {
  const cells = columns.map((column, index) => {
    if (column.fill) return el("td", { class: classOf(column) });
    const text = el("span", { class: "text" });
    const meter = column.meter ? [el("span", { class: "meter", "aria-hidden": "true" }, el("span"))] : [];
    return el(index === columns.findIndex(({ head }) => head) ? "th" : "td", { class: classOf(column), scope: column.head && "row" }, ...meter, text);
  });
  return el("tr", {}, ...cells);
}

function fillRow(row, columns, item) {
  columns.forEach((column, index) => {
    if (column.fill) {
      column.fill(row.children[index], item);
      return;
    }
    const shown = column.show(item);
    const { text, title, tone = "", share } = typeof shown === "string" ? { text: shown } : shown;
    const cell = row.children[index];
    const label = cell.lastChild;
    setText(label, text);
    setClass(label, tone ? `text tone-${tone}` : "text");
    setTitle(cell, title);
    if (column.meter) {
      show(cell.firstChild, share != null);
      cell.firstChild.firstChild.style.width = `${Math.round((share ?? 0) * 1000) / 10}%`;
    }
  });
}
