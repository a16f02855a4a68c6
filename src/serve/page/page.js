// The page of a running task: asks it for its whole state, again and again, and shows that. Orders are in `actions.js`.

import { byId, el, setOptional, setText } from "./dom.js";
import { printable, span } from "./format.js";
import * as actions from "./actions.js";
import * as api from "./api.js";
import * as figures from "./figures.js";
import * as measures from "./measures.js";
import * as records from "./records.js";
import * as sections from "./sections.js";
import { shards } from "./shards.js";
import { verify } from "./verify.js";
import * as words from "./words.js";

const POLL_MS = 2000;
const POLL_MAX_MS = 30_000;
const HEALTH_EVERY_MS = 10_000;
/** What is measured changes also while the state stays as it is, and is asked for so often then. */
const FIGURES_EVERY_MS = 10_000;
/** Without an answer for this long, what is shown is stale. */
const STALE_AFTER_MS = 6000;

const state = {
  snapshot: null,
  samples: [],
  health: null,
  healthAt: -Infinity,
  /** Time of the server less that of this machine. */
  skewMs: 0,
  /** When the whole state came last. */
  fetchedAt: -Infinity,
  answeredAt: performance.now(),
  failures: 0,
  problem: "",
  delayMs: POLL_MS,
  timer: 0,
  isAsking: false,
  /** Whether the task shows itself only with a token that is not known here. */
  isLocked: false,
  /** The process that was told to stop. */
  stopped: "",
};

const lifeOf = ({ status }) => `${status.process_id}/${status.started_ms}`;
const nowMs = () => Date.now() + state.skewMs;

// --- asking

async function ask(path) {
  const answer = await api.ask(path);
  const date = Date.parse(answer.headers.get("date") ?? "");
  // The header has whole seconds only: a small difference says nothing.
  if (!Number.isNaN(date)) state.skewMs = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
  return answer;
}

/** Nothing changed from then until now, which is a sample too. */
function noteUnchanged() {
  const last = state.samples.at(-1);
  const next = figures.sample(state.snapshot, last.atMs + (performance.now() - state.lookedAt));
  state.samples = figures.withSample(state.samples, next);
}

/** The whole state, unless it is the one that is shown. */
async function askSnapshot() {
  const isOld = performance.now() - state.fetchedAt >= FIGURES_EVERY_MS;
  const since = state.snapshot && !isOld ? `?since=${state.snapshot.seq}` : "";
  const answer = await ask(`${api.SNAPSHOT}${since}`);
  if (answer.status === 304) {
    noteUnchanged();
  } else {
    const next = await api.read(answer);
    if (next.seq === state.snapshot?.seq) noteUnchanged();
    else state.samples = figures.withSample(state.samples, figures.sample(next, next.seq));
    [state.snapshot, state.fetchedAt] = [next, performance.now()];
  }
  state.lookedAt = performance.now();
}

/** Health is an answer with 503 too. */
async function askHealth() {
  if (performance.now() - state.healthAt < HEALTH_EVERY_MS) return;
  const answer = await ask("/healthz");
  state.health = await answer.json();
  state.healthAt = performance.now();
}

function noAnswer(error) {
  // What a browser calls a failed request differs; what the server says is worth showing.
  state.failures += 1;
  state.problem = error instanceof api.Refusal ? printable(error.message) : "";
  state.healthAt = -Infinity;
}

async function look() {
  if (state.isAsking) return;
  clearTimeout(state.timer);
  state.isAsking = true;
  try {
    await Promise.all([state.isLocked || askSnapshot(), askHealth()]);
    Object.assign(state, { failures: 0, problem: "", answeredAt: performance.now(), delayMs: POLL_MS });
    if (!state.isLocked && !document.hidden) lookUp();
  } catch (error) {
    if (api.isTokenRefused(error)) lock();
    else noAnswer(error);
  }
  state.isAsking = false;
  const isSlow = state.failures > 0 || document.hidden;
  state.delayMs = isSlow ? Math.min(POLL_MAX_MS, state.delayMs * 2) : POLL_MS;
  state.timer = setTimeout(look, state.delayMs);
  render();
}

/** On its own: what is looked up may take longer than the state. */
function lookUp() {
  records.look(state.snapshot.status).then(renderRecords, lock);
}

/** Without the right token there is nothing to ask for but health. */
function lock() {
  state.isLocked = true;
  document.body.classList.add("locked");
  actions.askToken({ isWrong: api.hasToken(), isLocked: true });
  render();
}

async function unlock() {
  state.isLocked = false;
  document.body.classList.remove("locked");
  records.expire();
  await lookAgain();
}

/** At once, also if an answer is awaited: it may be from before. */
async function lookAgain() {
  while (state.isAsking) await new Promise((resolve) => setTimeout(resolve, 50));
  await look();
}

actions.onEvents({
  admitted: unlock,
  done: (order) => {
    if (order?.isEnd) state.stopped = lifeOf(state.snapshot);
    records.expire();
    lookAgain();
  },
});

// --- showing

const silentMs = () => performance.now() - state.answeredAt;
const isStale = () => state.failures > 0 ? silentMs() > 1000 : !document.hidden && silentMs() > STALE_AFTER_MS;

/** Why there is nothing newer to show. */
function silence() {
  if (state.isLocked) return "This task asks for its token.";
  if (state.problem) return `The task refuses: ${state.problem}`;
  const isStopped = state.stopped !== "" && state.stopped === lifeOf(state.snapshot);
  return isStopped ? "The task was stopped and does not answer any more." : "The task does not answer.";
}

function render() {
  const stale = isStale();
  renderStale(stale);
  actions.setLive(Boolean(state.snapshot) && !stale && !state.isLocked);
  if (!state.snapshot) {
    if (stale || state.isLocked) setText(byId("sentence"), silence());
  } else {
    renderSnapshot(state.snapshot, stale);
  }
  if (state.health) sections.health(state.health);
}

function renderStale(stale) {
  document.body.classList.toggle("stale", stale);
  setOptional(byId("stale"), stale ? `stale for ${span(silentMs())}` : "");
}

function renderRecords() {
  const { status } = state.snapshot;
  records.setAside(status);
  records.deadLetters(status);
  records.events(nowMs());
  records.checkpoint();
}

function renderSnapshot(snapshot, stale) {
  const { status, counters, verify: compared } = snapshot;
  // An old state has no rates and no time left.
  const rate = stale ? null : figures.rates(state.samples, figures.SHORT_MS);
  const steady = stale ? null : figures.rates(state.samples, figures.LONG_MS);
  const time = nowMs();
  // Without an answer nobody knows whether what waited still does.
  const measured = figures.measured(snapshot, (stale ? state.answeredAt : performance.now()) - state.fetchedAt);
  const leftMs = stale ? null : figures.loadLeftMs(status, steady, measured?.leftMs);
  const sentence = words.sentence(status, leftMs, measured?.oldestMs.changes);
  setText(byId("sentence"), stale || state.isLocked ? `${silence()} Last known: ${sentence}` : sentence);
  setOptional(byId("concerns"), words.concerns(status, compared));
  document.title = `${stale ? "(stale) " : ""}${printable(status.task)} · Bucket Brigade`;
  sections.masthead(snapshot, time);
  sections.identity(status);
  measures.lag(status, measured, rate, leftMs);
  sections.outages(status, time);
  sections.tables(status, time);
  shards(status, measured, steady, time);
  measures.waits(measured);
  sections.files(status);
  sections.repairs(counters);
  measures.margin(status, measured);
  verify(compared, status, time);
  sections.failure(status.last_failure);
  renderRecords();
}

for (const title of document.querySelectorAll(".title")) {
  const name = `JSON of ${title.firstElementChild.textContent.toLowerCase()}`;
  title.append(el("a", { class: "json", href: title.dataset.json ?? "/api/v1/snapshot", "aria-label": name }, "JSON"));
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
byId("checkpoint-part").addEventListener("toggle", () => state.snapshot && !state.isLocked && lookUp());
byId("filter").addEventListener("input", () => state.snapshot && sections.tables(state.snapshot.status, nowMs()));
// Times go on between two answers, and without any.
setInterval(() => {
  if (!document.hidden) render();
}, 1000);
look();
