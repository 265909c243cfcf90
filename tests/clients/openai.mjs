// SPDX-License-Identifier: MIT
/*
 * openai.mjs - the openai package in four majors, with a base URL and a token.
 *
 * Formats, which here are doors and ways through them:
 *   v1       chat.completions.create({stream: true}) at /v1
 *   v1-json  the same without a stream
 *   alias    the stream, at the address of one model
 *   runner   chat.completions.stream(), the helper that collects and fires events
 *   retried  v1 with the client's own two retries, which the others turn off
 */
import { OpenAI as OpenAIv4 } from "openai-v4";
import { OpenAI as OpenAIv5 } from "openai-v5";
import { OpenAI as OpenAIv6 } from "openai-v6";
import { OpenAI as OpenAIv7 } from "openai-v7";

import { drive } from "./drive.mjs";

const messagesOf = (run) => [{ role: "user", content: run.content }];

function connect(OpenAI, run) {
  const options = { apiKey: run.token, baseURL: `${run.base}/v1` };
  if (run.format !== "retried") {
    options.maxRetries = 0;
  }
  if (run.format === "alias") {
    options.baseURL = `${run.base}/api/ai/huggingface/${run.model}`;
    options.defaultQuery = { chat_id: run.client };
  }
  return new OpenAI(options);
}

async function readStream(client, run, seen) {
  const stream = await client.chat.completions.create({
    model: run.model,
    messages: messagesOf(run),
    stream: true,
    stream_options: { include_usage: true },
  });
  seen.opened = true;
  for await (const chunk of stream) {
    seen.text += chunk.choices[0]?.delta?.content ?? "";
    seen.reasoning = (seen.reasoning ?? "") + (chunk.choices[0]?.delta?.reasoning_content ?? "");
    seen.finish = chunk.choices[0]?.finish_reason ?? seen.finish;
    seen.usage = chunk.usage ?? seen.usage;
    if (run.abort && seen.text !== "") {
      stream.controller.abort();
    }
  }
}

async function readWhole(client, run, seen) {
  const request = { model: run.model, messages: messagesOf(run) };
  const controller = new AbortController();
  if (run.abort) {
    setTimeout(() => controller.abort(), 300);
  }
  const answer = await client.chat.completions.create(request, { signal: controller.signal });
  seen.text = answer.choices[0].message.content;
  seen.role = answer.choices[0].message.role;
  seen.finish = answer.choices[0].finish_reason;
  seen.usage = answer.usage;
  seen.object = answer.object;
  seen.requestId = answer._request_id;
}

async function runHelper(client, run, seen) {
  const chat = client.chat.completions.stream ? client.chat : client.beta.chat;
  const runner = chat.completions.stream({ model: run.model, messages: messagesOf(run) });
  runner.on("content", (delta) => {
    seen.text += delta;
    if (run.abort) {
      runner.abort();
    }
  });
  runner.on("error", (error) => {
    seen.event = error.constructor.name;
  });
  runner.on("abort", (error) => {
    seen.event = error.constructor.name;
  });
  seen.final = await runner.finalContent();
}

const WAYS = {
  v1: readStream,
  alias: readStream,
  "v1-json": readWhole,
  retried: readStream,
  runner: runHelper,
};

const clientOf = (OpenAI) => (run, seen) => WAYS[run.format](connect(OpenAI, run), run, seen);

await drive({
  "openai-v4": clientOf(OpenAIv4),
  "openai-v5": clientOf(OpenAIv5),
  "openai-v6": clientOf(OpenAIv6),
  "openai-v7": clientOf(OpenAIv7),
});
