// What can be ordered of a task, and how it is said. Pure: no DOM, no clock. Foreign text comes out printable.
//
// An order is `{ path, body, verb, name, question, note, doing, isDirect }`: `verb` is on its button and `name` is what a screen
// reader calls it. One with a body is tried first (`dry_run`), but for one
// that `isUntried`; one that `isDirect` is given without a question. Those that
// send rows again, leave some out or end the task are `isDangerous`. Orders of which one is possible at a time share a `slot`,
// and so a button.

import { printable } from "./format.js";
import * as figures from "./figures.js";

export const pause = () =>
  ({ path: "/api/v1/pause", slot: "turn", verb: "Pause", name: "Pause the task", doing: "Pausing the task", isDirect: true });
export const resume = () =>
  ({ path: "/api/v1/resume", slot: "turn", verb: "Resume", name: "Resume the task", doing: "Resuming the task", isDirect: true });

export const stop = (task) => ({
  path: "/api/v1/stop", isDangerous: true, isEnd: true, verb: "Stop", name: "Stop the task", doing: "Stopping the task",
  question: `Stop task ${printable(task)}?`,
  note: "The requests in flight end, the state is kept, and the process exits; this page goes with it. The next start goes on from " +
    "there. A supervisor may start it at once.",
});

export const verify = () => ({
  path: "/api/v1/verify", body: { tables: [] }, isUntried: true, verb: "Compare now", name: "Compare now: the stream with the files",
  doing: "Beginning to compare", question: "Compare the stream with the files?",
  note: "Every settled row is rendered once more, and the stream is read back, beside what consumers read. Nothing is changed or sent. " +
    "With a long stream it takes hours.",
});

export function reload(table) {
  const name = printable(figures.fullName(table));
  return {
    path: "/api/v1/tables/reload", body: { tables: [figures.storedName(table)], dry_run: false },
    isDangerous: true, verb: "Reload", name: `Reload ${name}`, doing: `Reloading ${name}`, question: `Load ${name} again?`,
    note: "A drop-table and a create-table record are sent, then every row of its load files from the first one.",
  };
}

export function resumeTable(table) {
  const name = printable(figures.fullName(table));
  return {
    path: "/api/v1/tables/resume", body: { table: figures.storedName(table), allow_repeats: false, dry_run: false },
    verb: "Resume", name: `Resume ${name}`, doing: `Resuming ${name}`, question: `Go on with ${name}?`,
    note: "Its rows are sent from the place on at which it was suspended.",
  };
}

const DECISIONS = {
  retry_at_mark: {
    verb: "Retry", name: (key) => `Retry ${key}`, doing: (key) => `Retrying ${key}`, question: (key) => `Read ${key} on?`,
    note: "Put the corrected file in its place first, with the same rows before the break.",
  },
  retry_from_beginning: {
    isDangerous: true, verb: "Retry from beginning", name: (key) => `Retry from beginning: ${key}`, doing: (key) => `Retrying ${key} from its beginning`,
    question: (key) => `Read ${key} from its beginning?`, note: "Rows before the break are sent once more.",
  },
  skip: {
    isDangerous: true, verb: "Skip", name: (key) => `Skip ${key}`, doing: (key) => `Skipping ${key}`, question: (key) => `Leave the rest of ${key} out?`,
    note: "Its rows after the break are not sent, for good.",
  },
};

/** One of the three decisions on a file that is set aside. */
export function decide(key, decision) {
  const { name, doing, question, ...rest } = DECISIONS[decision];
  const shown = printable(key);
  return {
    path: "/api/v1/files/decide", body: { key, decision, allow_repeats: false, dry_run: false },
    ...rest, name: name(shown), doing: doing(shown), question: question(shown),
  };
}

export const decisions = (key) => Object.keys(DECISIONS).map((decision) => decide(key, decision));

export function replay(object, again) {
  const shown = printable(object);
  return {
    path: "/api/v1/dead-letters/replay", body: { object, again, dry_run: false },
    isDangerous: again, verb: again ? "Replay again" : "Replay",
    name: again ? `Replay again all dead letters of ${shown}` : `Replay the dead letters of ${shown}`,
    doing: `Replaying dead letters of ${shown}`,
    question: again ? `Send all dead letters of ${shown} again?` : `Send the dead letters of ${shown}?`,
    note: again
      ? "Rows that were sent before are sent once more: consumers get them twice."
      : "Rows that fit the current definition are sent now; newer rows of their keys may be in the stream already.",
    /** Whether there is anything to do, by what a trial reports. */
    hasEffect: (report) => report?.rows?.length !== 0,
  };
}

/** Whether the order was refused only because rows may come twice. */
export const isRepeatsRefused = (order, text) => order.body?.allow_repeats === false && text.includes("--allow-repeats");

/** The same order, for who accepts that. */
export const withRepeats = (order) => ({
  ...order, body: { ...order.body, allow_repeats: true }, isDangerous: true, verb: `${order.verb}, allow repeats`,
  name: `${order.name}, allow repeats`, note: "Rows that are in the stream already may be sent once more: consumers get them twice.",
});

const LINES_MAX = 12;

/** A message of several lines, printable; of very many the first ones and the last, which is the sum. */
export function message(text) {
  const lines = text.trimEnd().split("\n").map(printable);
  if (lines.length <= LINES_MAX) return lines.join("\n");
  const left = lines.length - LINES_MAX;
  return [...lines.slice(0, LINES_MAX - 1), `and ${left} more`, lines.at(-1)].join("\n");
}
