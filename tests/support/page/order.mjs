// Gives one order on the page of a running task, as a person does. Usage: node order.mjs BASE_URL BUTTON VERB
//
// BUTTON asks, VERB gives the order. Says `pressed` on standard output as soon as the order is on its way, then `done` or `unanswered`,
// and `back` when the page shows a task at the same address again after one that was gone. Needs what page_test.mjs needs.

import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const [base, button, verb] = process.argv.slice(2);
const say = (word) => process.stdout.write(`${word}\n`);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage();
page.on("pageerror", (error) => {
  console.error(`error: ${error.stack}`);
  process.exit(1);
});
const enabled = (name) => page.getByRole("button", { name, exact: true }).and(page.locator(":not([aria-disabled=true])")).first();

await page.goto(base);
await page.locator("#token").fill(process.env.PAGE_TOKEN);
await page.keyboard.press("Enter");
await enabled(button).click({ timeout: 20_000 });
const confirm = page.locator("#dialog").getByRole("button", { name: verb, exact: true });
await confirm.and(page.locator(":not([aria-disabled=true])")).waitFor({ timeout: 20_000 });
const isSent = page.waitForRequest((request) => request.method() === "POST" && !request.postDataJSON()?.dry_run);
await confirm.click();
await isSent;
say("pressed");
const what = await page.waitForFunction(() => {
  const text = document.querySelector("#outcome-what").textContent;
  return text.endsWith("…") ? null : text;
}, null, { timeout: 60_000 });
say((await what.jsonValue()).startsWith("Done") ? "done" : "unanswered");
await page.waitForFunction(() => !document.querySelector("#stale").hidden, null, { timeout: 30_000 });
const offs = await page.locator("button.order:visible:not([aria-disabled=true])").count();
if (offs > 0) throw new Error(`${offs} orders can be given to a process that is gone`);
say("stale");
await page.waitForFunction(() => document.querySelector("#stale").hidden, null, { timeout: 60_000 });
say("back");
await browser.close();
