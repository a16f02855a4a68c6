// What is asked of the task, with the token of whoever looks at the page. The token stays in the memory of this page.

export const SNAPSHOT = "/api/v1/snapshot";
const ANSWER_WITHIN_MS = 10_000;
/** An order has its turn when what is in flight is settled, and rows may be sent in it. */
const ORDER_WITHIN_MS = 300_000;
/** What a header can carry. */
const TOKEN = /^[\x21-\x7e]+$/;

let token = "";

export const hasToken = () => token !== "";

/** An answer that is a no. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const isTokenRefused = (error) => error instanceof Refusal && error.status === 401;

/** Asks; no answer is thrown, whatever the answer is not. */
export function ask(path, { held = token, signals = [], withinMs = ANSWER_WITHIN_MS, ...options } = {}) {
  const headers = { ...options.headers, ...(held && { authorization: `Bearer ${held}` }) };
  const signal = AbortSignal.any([...signals, AbortSignal.timeout(withinMs)]);
  return fetch(path, { cache: "no-store", ...options, headers, signal });
}

/** What an answer says; throws a `Refusal` if that is a no. */
export async function read(answer) {
  if (answer.ok) return answer.json();
  const { error } = await answer.json().catch(() => ({}));
  throw new Refusal(answer.status, error ?? `the answer is ${answer.status}`);
}

/** Gives an order; `Brigade-Requester` is who the events of the task name. */
export async function give({ path, body }, { isTrial = false, signals = [] } = {}) {
  const headers = { "brigade-requester": "the page", ...(body && { "content-type": "application/json" }) };
  const sent = body && JSON.stringify(isTrial ? { ...body, dry_run: true } : body);
  return read(await ask(path, { method: "POST", headers, body: sent, signals, withinMs: ORDER_WITHIN_MS }));
}

/** Whether a token is the one of the task; it is held from then on. */
export async function tryToken(text) {
  if (!TOKEN.test(text)) return false;
  const answer = await ask(SNAPSHOT, { held: text });
  if (answer.status === 401) return false;
  await read(answer);
  token = text;
  return true;
}
