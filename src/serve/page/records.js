// What is looked up besides the state: files that are set aside, dead letters, events, the checkpoint. The task reads its files
// for that, so it is asked seldom, and only for what is seen.

import { byId, el, grid, keyed, setLines, setOptional, setText, setTitle, show } from "./dom.js";
import { ago, counted, grouped, printable } from "./format.js";
import { setButtons } from "./actions.js";
import * as api from "./api.js";
import * as figures from "./figures.js";
import * as orders from "./orders.js";
import * as words from "./words.js";

const EVERY_MS = 10_000;
/** At most this part of the time is spent on one of them, however many dead letters there are. */
const TIMES_AS_LONG = 20;
const EVENTS_MAX = 20;
const FILES_MAX = 30;
const OBJECTS_MAX = 20;
const LETTERS_MAX = 5;

const subject = (path, isWanted) => ({ path, isWanted, value: null, problem: "", notBeforeMs: -Infinity, isAsking: false });
const deadCount = (status) => figures.identity(status).dead;
const subjects = {
  files: subject("/api/v1/files", (status) => status.set_aside > 0),
  letters: subject("/api/v1/dead-letters", (status) => deadCount(status) > 0),
  events: subject("/api/v1/events", () => true),
  checkpoint: subject("/api/v1/checkpoint", () => byId("checkpoint-part").open),
};

async function lookAt(one) {
  one.isAsking = true;
  const begunMs = performance.now();
  try {
    one.value = await api.read(await api.ask(one.path));
    one.problem = "";
  } catch (error) {
    if (api.isTokenRefused(error)) throw error;
    one.problem = error instanceof api.Refusal ? `cannot be shown: ${printable(error.message)}` : "no answer yet";
  } finally {
    one.isAsking = false;
    const lastedMs = performance.now() - begunMs;
    one.notBeforeMs = begunMs + Math.max(EVERY_MS, TIMES_AS_LONG * lastedMs);
  }
}

/** Looks up what is wanted and old. */
export async function look(status) {
  const due = Object.values(subjects).filter((one) => one.isWanted(status) && !one.isAsking && performance.now() >= one.notBeforeMs);
  await Promise.all(due.map(lookAt));
}

/** An order was carried out: what was looked up before is old. */
export function expire() {
  for (const one of Object.values(subjects)) one.notBeforeMs = -Infinity;
}

// --- files that are set aside

export function setAside(status) {
  const files = words.setAsideFiles(status, subjects.files.value);
  show(byId("set-aside-part"), status.set_aside > 0);
  setText(byId("set-aside-title"), `${counted(status.set_aside, "file")} set aside`);
  keyed(byId("set-aside"), files.slice(0, FILES_MAX), ({ id }) => id,
    () => el("li", {}, el("p", {}, el("code"), ": ", el("span")), el("p", { class: "quiet" }), el("p", { class: "orders" })),
    (item, { key, reason, read }) => {
      const [why, part, buttons] = item.children;
      setText(why.firstChild, printable(key));
      setText(why.lastChild, printable(reason));
      setOptional(part, read);
      setButtons(buttons, orders.decisions(key));
    });
  setOptional(byId("set-aside-more"), files.length > FILES_MAX ? `and ${grouped(files.length - FILES_MAX)} more` : subjects.files.problem);
}

// --- dead letters

export function deadLetters(status) {
  const { value, problem } = subjects.letters;
  const total = value?.total ?? 0;
  const letters = value?.dead_letters ?? [];
  show(byId("letters-section"), deadCount(status) > 0);
  const newest = letters.length < total ? `; the newest ${grouped(letters.length)} are shown` : "";
  setText(byId("letters-note"), problem || (value ? `${counted(total, "row")}${newest}` : ""));
  keyed(byId("letters"), words.lettersByCode(letters), ({ code }) => code,
    () => el("li", {},
      el("h3", {}, el("code"), " ", el("span", { class: "quiet count" })), el("ul", { class: "lines" }), el("p", { class: "quiet" })),
    (item, { code, count, objects }) => {
      const [head, list, more] = item.children;
      setText(head.firstChild, printable(code));
      setText(head.lastChild, counted(count, "row"));
      keyed(list, objects.slice(0, OBJECTS_MAX), ({ key }) => key, newObject, fillObject);
      setOptional(more, objects.length > OBJECTS_MAX ? `and ${counted(objects.length - OBJECTS_MAX, "object")} more` : "");
    });
}

const newObject = () =>
  el("li", { class: "object" },
    el("p", {}, el("code"), " ", el("span", { class: "quiet" })), el("p", { class: "orders" }), el("ul", { class: "rows" }));

function fillObject(item, { key, table, letters }) {
  const [head, buttons, rows] = item.children;
  setText(head.firstChild, printable(key));
  setText(head.lastChild, `${table ? `${printable(table)}, ` : ""}${counted(letters.length, "row")}`);
  const sent = letters.filter(({ replayed }) => replayed).length;
  setButtons(buttons, [...(sent < letters.length ? [orders.replay(key, false)] : []), ...(sent > 0 ? [orders.replay(key, true)] : [])]);
  const lines = letters.slice(0, LETTERS_MAX).map(words.letterLine);
  setLines(rows, letters.length > LETTERS_MAX ? [...lines, [`and ${counted(letters.length - LETTERS_MAX, "row")} more`]] : lines);
}

// --- events

export function events(nowMs) {
  const { value, problem } = subjects.events;
  const newest = (value?.events ?? []).slice(-EVENTS_MAX).reverse();
  setText(byId("events-note"), problem || (value && newest.length === 0 ? "none yet" : ""));
  keyed(byId("events"), newest, ({ id }) => id, () => el("li", {}, el("time"), el("b"), el("span")), (item, { time, detail }) => {
    const [when, kind, what] = item.children;
    setText(when, ago(nowMs - Date.parse(time)));
    setTitle(when, printable(time));
    setText(kind, words.eventKind(detail.eventType));
    setText(what, printable(detail.detailMessage));
  });
}

// --- the checkpoint

const queueCount = (label, key) => ({ name: label, number: true, show: (row) => ({ text: grouped(row[key]), tone: row[key] > 0 ? "" : "zero" }) });
const queueGrid = grid({ parent: byId("queues-grid"), label: "Queues in the checkpoint", keyOf: ({ queue }) => queue,
  columns: [
    { name: "queue", head: true, show: ({ queue }) => printable(queue) },
    queueCount("waiting", "registered"), queueCount("open", "open"), queueCount("done", "done"), queueCount("set aside", "quarantined"),
  ],
});

export function checkpoint() {
  const { value, problem } = subjects.checkpoint;
  setOptional(byId("checkpoint-note"), problem || (value ? "" : "Asking the task…"));
  show(byId("checkpoint-content"), value !== null);
  if (!value) return;
  setLines(byId("open-files"), words.openFiles(value));
  queueGrid.update(value.queues);
}
