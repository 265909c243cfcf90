// SPDX-License-Identifier: MIT
/*
 * ui_messages.mjs - the AI SDK's clients of version 5 and later.
 *
 * chat-*    AbstractChat, which is useChat less the framework, with the transport of the
 *           format: DefaultChatTransport for "ui", TextStreamChatTransport for "text".
 * reader-*  readUIMessageStream over what the transport yields, with no chat around it.
 */
import * as v5 from "ai-v5";
import * as v5First from "ai-v5-first";
import * as v6 from "ai-v6";
import * as v6First from "ai-v6-first";
import * as v7 from "ai-v7";

import { chatUrl, describe, drive } from "./drive.mjs";

function transportOf(ai, run) {
  const options = { api: chatUrl(run), headers: { Authorization: `Bearer ${run.token}` } };
  return run.format === "text"
    ? new ai.TextStreamChatTransport(options)
    : new ai.DefaultChatTransport(options);
}

const partsOf = (message, type) =>
  (message?.parts ?? [])
    .filter((part) => part.type === type)
    .map((part) => part.text)
    .join("");

/** What a framework keeps for a chat, kept in plain fields; <onChange> after each change. */
class PlainState {
  status = "ready";
  error = undefined;
  messages = [];

  constructor(onChange) {
    this.onChange = onChange;
  }
  pushMessage = (message) => {
    this.messages = [...this.messages, message];
    this.onChange(this);
  };
  popMessage = () => {
    this.messages = this.messages.slice(0, -1);
  };
  replaceMessage = (index, message) => {
    this.messages = this.messages.with(index, structuredClone(message));
    this.onChange(this);
  };
  snapshot = (value) => structuredClone(value);

  answer() {
    const last = this.messages.at(-1);
    return last?.role === "assistant" ? last : undefined;
  }
}

function chatClient(ai) {
  class Chat extends ai.AbstractChat {}
  return async (run, seen) => {
    let stopping;
    const state = new PlainState(() => {
      if (run.abort && !stopping && partsOf(state.answer(), "text") !== "") {
        stopping = chat.stop();
      }
    });
    const chat = new Chat({
      state,
      transport: transportOf(ai, run),
      onError: (error) => {
        seen.error = describe(error);
        seen.how = "onError";
      },
      onFinish: ({ message, isAbort, isDisconnect, isError }) => {
        seen.finish = { isAbort, isDisconnect, isError, role: message.role };
      },
    });
    await chat.sendMessage({ text: run.content });
    await stopping;
    seen.text = partsOf(state.answer(), "text");
    seen.reasoning = partsOf(state.answer(), "reasoning");
    seen.partTypes = (state.answer()?.parts ?? []).map(({ type }) => type);
    seen.partStates = (state.answer()?.parts ?? []).map((part) => part.state);
    seen.status = chat.status;
    seen.shownError = chat.error ? describe(chat.error) : null;
  };
}

function readerClient(ai) {
  return async (run, seen) => {
    const controller = new AbortController();
    const stream = await transportOf(ai, run).sendMessages({
      chatId: "1",
      messageId: undefined,
      trigger: "submit-message",
      messages: [{ id: "1", role: "user", parts: [{ type: "text", text: run.content }] }],
      abortSignal: controller.signal,
    });
    const messages = ai.readUIMessageStream({
      stream,
      onError: (error) => {
        seen.error = describe(error);
        seen.how = "onError";
      },
      terminateOnError: true,
    });
    for await (const message of messages) {
      seen.text = partsOf(message, "text");
      seen.reasoning = partsOf(message, "reasoning");
      if (run.abort && seen.text !== "") {
        controller.abort();
      }
    }
  };
}

const versions = { v5, "v5-first": v5First, v6, "v6-first": v6First, v7 };
const clients = {};
for (const [name, ai] of Object.entries(versions)) {
  clients[`chat-${name}`] = chatClient(ai);
  clients[`reader-${name}`] = readerClient(ai);
}
await drive(clients);
