// SPDX-License-Identifier: MIT
/*
 * drive.mjs - what every driver of clients shares.
 *
 * A driver is one process: it reads a plan from standard input, runs each client through each
 * scenario, and prints one line of JSON for each run. It judges nothing: what a client must
 * report is written in the tests that read these lines.
 *
 * plan: { runs: [{ client, format, scenario, base, model, token, content, abort }] }
 * line: { client, format, scenario, text, error, ... } - whatever the client told its user.
 */
import { readFileSync } from "node:fs";

const RUN_MS_MAX = 60_000;

/** An error as its receiver sees it: class, words and status, and what lies beneath. */
export function describe(error, depth = 0) {
  if (!(error instanceof Error)) {
    return typeof error === "object" ? { class: "object", ...error } : { message: String(error) };
  }
  const seen = { class: error.constructor.name, name: error.name, message: error.message };
  for (const key of ["status", "statusCode", "code", "type", "param", "isRetryable"]) {
    if (error[key] !== undefined && error[key] !== null) {
      seen[key] = error[key];
    }
  }
  if (error.httpResponse) {
    seen.status = error.httpResponse.status; // Hugging Face's own package keeps both here
    seen.body = error.httpResponse.body;
  }
  if (error.cause !== undefined && depth < 4) {
    seen.cause = describe(error.cause, depth + 1);
  }
  return seen;
}

/** The documented endpoint, as a client is given it. */
export function chatUrl(run) {
  const format = run.format ? `&format=${run.format}` : "";
  return `${run.base}/api/ai/huggingface/${run.model}/chat?chat_id=${run.client}${format}`;
}

async function runOne(clients, run) {
  const { client, format, scenario } = run;
  const seen = { client, format, scenario, text: "", error: null };
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the run never ended")), RUN_MS_MAX);
  });
  try {
    await Promise.race([clients[client](run, seen), late]);
  } catch (error) {
    seen.error = describe(error);
    seen.how = "thrown";
  }
  clearTimeout(timer);
  process.stdout.write(JSON.stringify(seen) + "\n");
}

/** Run everything in the plan; the runs of one client follow each other, clients are parallel. */
export async function drive(clients) {
  // A promise that nobody waits for is a fault of the client (some do that): tell it, go on.
  process.on("unhandledRejection", (error) => {
    console.error(`unhandled rejection: ${JSON.stringify(describe(error))}`);
  });
  const { runs } = JSON.parse(readFileSync(0, "utf8"));
  const names = [...new Set(runs.map((run) => run.client))];
  await Promise.all(
    names.map(async (name) => {
      for (const run of runs.filter(({ client }) => client === name)) {
        await runOne(clients, run);
      }
    }),
  );
  process.exit(0); // pools of idle connections would hold the process
}
