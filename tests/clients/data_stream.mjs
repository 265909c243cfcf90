// SPDX-License-Identifier: MIT
// data_stream.mjs - the AI SDK's clients of before version 5: useChat and what is beneath it.
import { processDataStream } from "ai-v4";
import { useChat as useChatV0 } from "ai-vue-v0";
import { useChat as useChatV1 } from "ai-vue-v1";
import { callChatApi as callChatApiV0 } from "ui-utils-v0";
import { callChatApi as callChatApiV1 } from "ui-utils-v1";
import { effectScope } from "vue";

import { chatUrl, describe, drive } from "./drive.mjs";

const headersOf = (run) => ({ Authorization: `Bearer ${run.token}` });
const protocolOf = (run) => (run.format === "text" ? "text" : "data");

/** useChat of Vue, as a page uses it: state is looked at, onError is what the user sees. */
function useChatClient(useChat) {
  return async (run, seen) => {
    let stopped = false;
    let whole; // what onFinish was given, if it was called
    const options = {
      api: chatUrl(run),
      id: `${run.client}-${run.format}-${run.scenario}`,
      headers: headersOf(run),
      streamProtocol: protocolOf(run),
      onError: (error) => {
        seen.error = describe(error);
        seen.how = "onError";
      },
      onFinish: (message, { finishReason, usage }) => {
        whole = message;
        seen.finish = { reason: finishReason, ...usage };
      },
    };
    const chat = effectScope().run(() => useChat(options)); // as in a component's setup()
    const answer = () => chat.messages.value.filter(({ role }) => role === "assistant").at(-1);
    const done = chat.append({ role: "user", content: run.content });
    if (run.abort) {
      while (!answer()?.content) {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      chat.stop();
      stopped = true;
    }
    await done;
    // What a page shows is set by later turns of its own loop, and swrv beneath it may leave out
    // the last of several changes in one turn: what was read is what onFinish is given.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const read = whole ?? answer();
    seen.text = read?.content ?? "";
    seen.reasoning = read?.reasoning;
    seen.status = chat.status?.value;
    seen.shownError = chat.error.value ? describe(chat.error.value) : null;
    seen.stopped = stopped;
  };
}

function callChatApiClient(callChatApi) {
  return async (run, seen) => {
    const controller = new AbortController();
    await callChatApi({
      api: chatUrl(run),
      body: { messages: [{ role: "user", content: run.content }] },
      headers: headersOf(run),
      streamProtocol: protocolOf(run),
      abortController: () => controller,
      restoreMessagesOnFailure: () => {
        seen.restored = true;
      },
      // Version 1 gives {message}, version 0 a list of messages.
      onUpdate: (update) => {
        const message = Array.isArray(update) ? update[0] : update.message;
        seen.text = message?.content ?? "";
        if (run.abort && seen.text !== "") {
          controller.abort();
        }
      },
      onFinish: (message, { finishReason, usage }) => {
        seen.finish = { reason: finishReason, ...usage };
      },
      generateId: () => "1",
      lastMessage: { id: "0", role: "user", content: run.content, parts: [] },
    });
  };
}

async function processDataStreamClient(run, seen) {
  const controller = new AbortController();
  const response = await fetch(chatUrl(run), {
    method: "POST",
    headers: { ...headersOf(run), "Content-Type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content: run.content }] }),
    signal: controller.signal,
  });
  if (!response.ok) {
    throw new Error(`${response.status} ${await response.text()}`);
  }
  await processDataStream({
    stream: response.body,
    onTextPart: (text) => {
      seen.text += text;
      if (run.abort && text !== "") {
        controller.abort();
      }
    },
    onReasoningPart: (text) => {
      seen.reasoning = (seen.reasoning ?? "") + text;
    },
    onErrorPart: (message) => {
      seen.error = { message };
      seen.how = "part";
    },
    onFinishMessagePart: ({ finishReason, usage }) => {
      seen.finish = { reason: finishReason, ...usage };
    },
  });
}

await drive({
  "vue-v0": useChatClient(useChatV0),
  "vue-v1": useChatClient(useChatV1),
  "ui-utils-v0": callChatApiClient(callChatApiV0),
  "ui-utils-v1": callChatApiClient(callChatApiV1),
  "ai-v4": processDataStreamClient,
});
