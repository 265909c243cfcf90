// SPDX-License-Identifier: MIT
//
// browser.mjs - Debian's Chromium, and what every page of the gateway must keep to: nothing is
// asked of anybody else, nothing is complained about, nothing breaks its own policy.
import { chromium } from "playwright-core";

export const EXECUTABLE = "/usr/bin/chromium";

// Tests run as root in containers, where Chromium's own sandbox cannot be had.
export function launch() {
  return chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox", "--disable-gpu"] });
}

// Watch all that a context does; looked at when the scenario is over.
export async function watch(context) {
  const seen = { requests: [], complaints: [], violations: [] };
  context.on("request", (request) => seen.requests.push(`${request.method()} ${request.url()}`));
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      seen.complaints.push(message.text());
    }
  });
  context.on("weberror", (error) => seen.complaints.push(String(error.error())));
  await context.exposeFunction("tellViolation", (text) => seen.violations.push(text));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      window.tellViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return seen;
}

// Run each scenario in a context of its own; one line of JSON for each.
export async function run(scenarios, settings) {
  const browser = await launch();
  try {
    for (const [name, { options = {}, act }] of Object.entries(scenarios)) {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(20000);
      const seen = await watch(context);
      const result = { name };
      const began = performance.now();
      try {
        Object.assign(result, await act(await context.newPage(), settings, context));
      } catch (error) {
        result.error = error.stack;
      }
      console.log(JSON.stringify({ ...result, ...seen, ms: performance.now() - began }));
      await context.close();
    }
  } finally {
    await browser.close();
  }
}
