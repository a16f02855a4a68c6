// Orders as somebody gives them: a button, a question with what would change, and what came of it; and the token for all of it.
//
// A button that must not be pressed stays where the focus is, so it is `aria-disabled` and not `disabled`.

import { byId, el, keyed, setClass, setOptional, setText, show } from "./dom.js";
import { printable } from "./format.js";
import * as api from "./api.js";
import * as orders from "./orders.js";

const state = {
  /** Whether what is shown is how the task is. */
  isLive: false,
  isBusy: false,
  /** The order that the dialog asks about, and what ends its trial. */
  asked: null,
  trial: null,
  /** What waits for a token. */
  pending: null,
  /** Called when an order was carried out, and when there is a token. */
  done: () => {},
  admitted: () => {},
};

const dialog = byId("dialog");
const [cancelButton, repeatsButton, doButton] = ["dialog-cancel", "dialog-repeats", "dialog-do"].map(byId);

const mayOrder = () => state.isLive && !state.isBusy;

// --- buttons

/** Makes the buttons in an element those of orders; who has the focus keeps it. */
export function setButtons(parent, wanted) {
  const create = () => el("button", { type: "button", class: "order", "aria-disabled": String(!mayOrder()) });
  keyed(parent, wanted, ({ slot, verb }) => slot ?? verb, create, (button, order) => {
    button.order = order;
    setText(button, order.verb);
    if (button.getAttribute("aria-label") !== order.name) button.setAttribute("aria-label", order.name);
  });
}

let focused = null;
document.addEventListener("focusin", ({ target }) => {
  focused = target;
});

/** A button that went with what it was for leaves the focus to what came of it. */
function keepFocus() {
  if (!focused || focused.isConnected || document.activeElement !== document.body) return;
  focused = null;
  const dismiss = byId("outcome-dismiss");
  (dismiss.hidden ? byId("main") : dismiss).focus({ preventScroll: true });
}

function refresh() {
  keepFocus();
  for (const button of document.querySelectorAll("button.order")) {
    const isOff = String(!mayOrder());
    if (button.getAttribute("aria-disabled") !== isOff) button.setAttribute("aria-disabled", isOff);
  }
}

function setBusy(isBusy) {
  state.isBusy = isBusy;
  refresh();
}

/** Says whether what is shown is how the task is. An order on an old state could be a wrong one. */
export function setLive(isLive) {
  state.isLive = isLive;
  refresh();
}

// --- the question

function begin(order) {
  if (order.isDirect) {
    carryOut(order);
    return;
  }
  state.asked = order;
  setText(byId("dialog-title"), order.question);
  setText(byId("dialog-note"), order.note);
  doButton.order = order;
  setText(doButton, order.verb);
  setClass(doButton, order.isDangerous ? "order danger" : "order main");
  show(repeatsButton, false);
  if (!dialog.open) dialog.showModal();
  cancelButton.focus();
  if (order.body && !order.isUntried) tryFirst(order);
  else showTrial({ canDo: true });
}

/** What the task says it would do, with buttons for what can be done about it. */
function showTrial({ text = "", problem = "", tone = "", canDo = false, repeats = null }) {
  setClass(byId("dialog-said"), tone ? `said tone-${tone}` : "said");
  setText(byId("dialog-message"), text);
  setOptional(byId("dialog-problem"), problem);
  show(byId("dialog-said"), text !== "" || problem !== "");
  show(doButton, canDo);
  show(repeatsButton, repeats !== null);
  repeatsButton.order = repeats;
  setText(repeatsButton, repeats ? `${repeats.verb}…` : "");
}

async function tryFirst(order) {
  showTrial({ text: "Asking the task what would change…", tone: "wait" });
  const trial = new AbortController();
  state.trial = trial;
  setBusy(true);
  const isAsked = () => state.asked === order && !trial.signal.aborted;
  try {
    const { message, problem, report } = await api.give(order, { isTrial: true, signals: [trial.signal] });
    if (isAsked()) {
      showTrial({ text: orders.message(message), problem: printable(problem ?? ""), canDo: order.hasEffect?.(report) ?? true });
    }
  } catch (error) {
    if (isAsked()) refused(order, error);
  } finally {
    setBusy(false);
  }
}

function refused(order, error) {
  if (api.isTokenRefused(error)) {
    dialog.close();
    askToken({ order, isWrong: api.hasToken() });
    return;
  }
  const text = failureText(error);
  const repeats = orders.isRepeatsRefused(order, text) ? orders.withRepeats(order) : null;
  showTrial({ text: `Not possible: ${orders.message(text)}`, tone: "bad", repeats });
}

/** What a browser calls a failed request differs; what the task says is worth showing. */
function failureText(error) {
  if (error instanceof api.Refusal) return error.message;
  return "The task gave no answer. Whether the order was carried out is in the events.";
}

dialog.addEventListener("close", () => {
  state.trial?.abort();
  state.asked = null;
});
cancelButton.addEventListener("click", () => dialog.close());
document.addEventListener("click", ({ target }) => {
  const button = target.closest("button.order");
  if (!button?.order || !mayOrder()) return;
  if (button === doButton) {
    dialog.close();
    carryOut(button.order);
  } else {
    begin(button.order);
  }
});

// --- what came of it

function say({ what = "", text = "", problem = "", tone = "", repeats = null }) {
  setClass(byId("outcome"), what ? `outcome shown ${tone}` : "outcome");
  setText(byId("outcome-what"), what);
  setText(byId("outcome-message"), text);
  setOptional(byId("outcome-problem"), problem);
  setButtons(byId("outcome-orders"), repeats ? [repeats] : []);
  show(byId("outcome-dismiss"), what !== "" && tone !== "waits");
}

byId("outcome-dismiss").addEventListener("click", () => {
  say({});
  byId("main").focus({ preventScroll: true });
});

async function carryOut(order) {
  say({ what: `${order.doing}…`, tone: "waits" });
  setBusy(true);
  try {
    const { message, problem } = await api.give(order);
    const [what, tone] = problem ? ["Done in part", "partly"] : ["Done", "well"];
    say({ what, tone, text: orders.message(message), problem: printable(problem ?? "") });
    state.done(order);
  } catch (error) {
    if (api.isTokenRefused(error)) {
      say({});
      askToken({ order, isWrong: api.hasToken() });
    } else {
      const text = failureText(error);
      const repeats = orders.isRepeatsRefused(order, text) ? orders.withRepeats(order) : null;
      say({ what: "Not done", text: orders.message(text), tone: "failed", repeats });
      state.done(null);
    }
  } finally {
    setBusy(false);
  }
}

// --- the token

const form = byId("token-form");
const input = byId("token");
const WRONG = "This is not the token of the task.";

/** Asks for the token, for an order or to see the task at all. */
export function askToken({ order = null, isWrong = false, isLocked = false } = {}) {
  state.pending = order ?? state.pending;
  const where = "It is the value of api.token in the configuration.";
  setText(byId("token-why"), state.pending ? `${state.pending.name}: orders take the token of the task. ${where}` : where);
  // Without a state on the page there is nothing to go back to.
  show(byId("token-cancel"), !isLocked);
  setOptional(byId("token-wrong"), isWrong ? WRONG : "");
  const isNew = form.hidden;
  show(form, true);
  if (isNew || order) input.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = input.value.trim();
  setOptional(byId("token-wrong"), "");
  try {
    if (!(await api.tryToken(text))) {
      setText(byId("token-wrong"), WRONG);
      show(byId("token-wrong"), true);
      input.select();
      return;
    }
  } catch (error) {
    setOptional(byId("token-wrong"), error instanceof api.Refusal ? printable(error.message) : "The task does not answer.");
    return;
  }
  input.value = "";
  show(form, false);
  show(byId("forget"), true);
  document.body.classList.add("has-token");
  byId("main").focus({ preventScroll: true });
  const order = state.pending;
  state.pending = null;
  await state.admitted();
  if (order && mayOrder()) begin(order);
});
byId("token-cancel").addEventListener("click", () => {
  state.pending = null;
  show(form, false);
});
// Nothing of a page outlives it: neither the token nor what was seen with it.
byId("forget").addEventListener("click", () => location.reload());

export function onEvents({ done, admitted }) {
  Object.assign(state, { done, admitted });
}
