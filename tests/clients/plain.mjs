// SPDX-License-Identifier: MIT
// plain.mjs - clients without a library of their own: fetch, node:http, and fetch with
// eventsource-parser, whose two majors read the SSE formats.
import { request } from "node:http";

import { EventSourceParserStream } from "eventsource-parser/stream";
import { EventSourceParserStream as EventSourceParserStreamV3 } from "eventsource-parser-v3/stream";

import { chatUrl, drive } from "./drive.mjs";

const bodyOf = (run) => JSON.stringify({ messages: [{ role: "user", content: run.content }] });
const headersOf = (run) => ({
  Authorization: `Bearer ${run.token}`,
  "Content-Type": "application/json",
});

async function ask(run, seen, controller) {
  const response = await fetch(chatUrl(run), {
    method: "POST",
    headers: headersOf(run),
    body: bodyOf(run),
    signal: controller.signal,
  });
  seen.status = response.status;
  seen.retryAfter = response.headers.get("retry-after");
  seen.contentType = response.headers.get("content-type");
  if (!response.ok) {
    seen.refusal = await response.json();
    return null;
  }
  return response.body;
}

async function fetchClient(run, seen) {
  const controller = new AbortController();
  const body = await ask(run, seen, controller);
  const decoder = new TextDecoder();
  let undecoded = 0;
  seen.torn = 0; // pieces that end inside a character
  for await (const piece of body ?? []) {
    const text = decoder.decode(piece, { stream: true });
    undecoded += piece.length - Buffer.byteLength(text);
    seen.torn += undecoded > 0 ? 1 : 0;
    seen.text += text;
    if (run.abort && text !== "") {
      controller.abort();
    }
  }
  seen.text += decoder.decode();
}

function httpClient(run, seen) {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers: headersOf(run) };
    const call = request(chatUrl(run), options, (response) => {
      let body = "";
      seen.status = response.statusCode;
      response.setEncoding("utf8");
      response.on("data", (piece) => {
        body += piece;
        seen.text = response.statusCode === 200 ? body : "";
        if (run.abort) {
          call.destroy();
        }
      });
      response.on("error", reject);
      response.on("end", () => {
        seen.refusal = response.statusCode === 200 ? undefined : JSON.parse(body);
        resolve();
      });
    });
    call.on("error", reject);
    call.end(bodyOf(run));
  });
}

function eventSourceClient(ParserStream) {
  return async (run, seen) => {
    const controller = new AbortController();
    const body = await ask(run, seen, controller);
    if (body === null) {
      return;
    }
    seen.events = [];
    seen.comments = 0;
    const parser = new ParserStream({
      onError: "terminate",
      onComment: () => {
        seen.comments += 1;
      },
    });
    for await (const { event, data } of body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(parser)) {
      const value = data === "[DONE]" ? data : JSON.parse(data);
      seen.events.push(event === undefined ? value : { event, value });
      seen.text += value.type === "text-delta" ? value.delta : "";
      seen.text += value.choices?.[0]?.delta?.content ?? "";
      if (run.abort && seen.text !== "") {
        controller.abort();
      }
    }
  };
}

await drive({
  fetch: fetchClient,
  "node-http": httpClient,
  "eventsource-parser-v4": eventSourceClient(EventSourceParserStream),
  "eventsource-parser-v3": eventSourceClient(EventSourceParserStreamV3),
});
