// The page of a running task: asks it for its whole state, again and again, and shows that. It writes nothing.

import { byId, el, setOptional, setText } from "./dom.js";
import { printable, span } from "./format.js";
import * as figures from "./figures.js";
import * as sections from "./sections.js";
import * as words from "./words.js";

const POLL_MS = 2000;
const POLL_MAX_MS = 30_000;
const HEALTH_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 10_000;
/** Without an answer for this long, what is shown is stale. */
const STALE_AFTER_MS = 6000;

const state = {
  snapshot: null,
  samples: [],
  health: null,
  healthAt: -Infinity,
  /** Time of the server less that of this machine. */
  skewMs: 0,
  answeredAt: performance.now(),
  failures: 0,
  problem: "",
  delayMs: POLL_MS,
  timer: 0,
  isAsking: false,
};

const nowMs = () => Date.now() + state.skewMs;

// --- asking

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  const date = Date.parse(answer.headers.get("date") ?? "");
  // The header has whole seconds only: a small difference says nothing.
  if (!Number.isNaN(date)) state.skewMs = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
  return answer;
}

/** The whole state, unless it is the one that is shown. */
async function askSnapshot() {
  const since = state.snapshot ? `?since=${state.snapshot.seq}` : "";
  const answer = await ask(`/api/v1/snapshot${since}`);
  if (answer.status === 304) {
    // Nothing changed from then until now, which is a sample too.
    const last = state.samples.at(-1);
    const next = figures.sample(state.snapshot, last.atMs + (performance.now() - state.lookedAt));
    state.samples = figures.withSample(state.samples, next);
  } else if (answer.ok) {
    state.snapshot = await answer.json();
    state.samples = figures.withSample(state.samples, figures.sample(state.snapshot, state.snapshot.seq));
  } else {
    const { error } = await answer.json().catch(() => ({}));
    throw new Error(error ?? `the answer is ${answer.status}`);
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

async function look() {
  if (state.isAsking) return;
  clearTimeout(state.timer);
  state.isAsking = true;
  try {
    await Promise.all([askSnapshot(), askHealth()]);
    Object.assign(state, { failures: 0, problem: "", answeredAt: performance.now(), delayMs: POLL_MS });
  } catch (error) {
    // What a browser calls a failed request differs; what the server says is worth showing.
    const isNetwork = error instanceof TypeError || error.name === "TimeoutError";
    state.failures += 1;
    state.problem = isNetwork ? "" : printable(error.message);
    state.healthAt = -Infinity;
  }
  state.isAsking = false;
  const isSlow = state.failures > 0 || document.hidden;
  state.delayMs = isSlow ? Math.min(POLL_MAX_MS, state.delayMs * 2) : POLL_MS;
  state.timer = setTimeout(look, state.delayMs);
  render();
}

// --- showing

const silentMs = () => performance.now() - state.answeredAt;
const isStale = () => state.failures > 0 ? silentMs() > 1000 : !document.hidden && silentMs() > STALE_AFTER_MS;

function render() {
  const stale = isStale();
  renderStale(stale);
  if (!state.snapshot) {
    if (stale) setText(byId("sentence"), state.problem ? `The task refuses: ${state.problem}` : "The task does not answer.");
  } else {
    renderSnapshot(state.snapshot, stale);
  }
  if (state.health) sections.health(state.health);
}

function renderStale(stale) {
  document.body.classList.toggle("stale", stale);
  setOptional(byId("stale"), stale ? `stale for ${span(silentMs())}` : "");
}

function renderSnapshot(snapshot, stale) {
  const { status, counters } = snapshot;
  // An old state has no rates and no time left.
  const rate = stale ? null : figures.rates(state.samples, figures.SHORT_MS);
  const steady = stale ? null : figures.rates(state.samples, figures.LONG_MS);
  const time = nowMs();
  const sentence = words.sentence(status, figures.loadLeftMs(status, steady));
  setText(byId("sentence"), stale ? `${state.problem ? `The task refuses: ${state.problem}` : "The task does not answer."} Last known: ${sentence}` : sentence);
  setOptional(byId("concerns"), words.concerns(status));
  document.title = `${stale ? "(stale) " : ""}${printable(status.task)} · Bucket Brigade`;
  sections.masthead(snapshot, time);
  sections.identity(status);
  sections.pace(status, rate);
  sections.outages(status, time);
  sections.tables(status, time);
  sections.shards(status, rate, steady, time);
  sections.files(status);
  sections.repairs(counters);
  sections.failure(status.last_failure);
}

for (const title of document.querySelectorAll(".title")) {
  const name = `JSON of ${title.firstElementChild.textContent.toLowerCase()}`;
  title.append(el("a", { class: "json", href: title.dataset.json ?? "/api/v1/snapshot", "aria-label": name }, "JSON"));
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
byId("filter").addEventListener("input", () => state.snapshot && sections.tables(state.snapshot.status, nowMs()));
// Times go on between two answers, and without any.
setInterval(() => {
  if (!document.hidden) render();
}, 1000);
look();
