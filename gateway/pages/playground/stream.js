// stream.js - reads an answer in each of the gateway's formats, piece by piece.
//
// A reader has push(text) for what has arrived and end() for an orderly end of the body. It
// tells of what it finds: on.text, on.thinking, on.usage (a number of tokens), on.failure.
"use strict";

function textReader(on) {
  return { push: (text) => on.text(text), end() {} };
}

// Whole lines, whatever the pieces are; a last line without its end is a line as well.
function lineReader(onLine) {
  let rest = "";
  return {
    push(text) {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      lines.forEach((line) => onLine(line.replace(/\r$/, "")));
    },
    end() {
      if (rest !== "") {
        onLine(rest);
      }
    },
  };
}

function dataReader(on) {
  const parts = {
    0: (text) => on.text(text),
    3: (message) => on.failure(message),
    d: (end) => on.usage(end?.usage?.completionTokens),
    g: (text) => on.thinking(text),
  };
  return lineReader((line) => {
    if (line !== "") {
      parts[line[0]]?.(JSON.parse(line.slice(2)));
    }
  });
}

// Server-sent events: lines of data up to an empty line. Without "[DONE]" the answer is not whole.
function eventReader(on, onEvent) {
  let isDone = false;
  let hasFailed = false;
  let data = [];
  const lines = lineReader((line) => {
    const more = /^data: ?(.*)$/.exec(line)?.[1];
    if (more !== undefined) {
      data.push(more);
    } else if (line === "" && data.length > 0) {
      const event = data.join("\n");
      data = [];
      isDone ||= event === "[DONE]";
      hasFailed = (event !== "[DONE]" && onEvent(JSON.parse(event)) === "failed") || hasFailed;
    }
  });
  return {
    push: lines.push,
    end() {
      lines.end();
      if (!isDone && !hasFailed) {
        on.failure("the answer ended without [DONE]");
      }
    },
  };
}

function uiReader(on) {
  return eventReader(on, (event) => {
    if (event.type === "text-delta") {
      on.text(event.delta);
    } else if (event.type === "reasoning-delta") {
      on.thinking(event.delta);
    } else if (event.type === "error") {
      on.failure(event.errorText);
      return "failed";
    }
    return "";
  });
}

function openaiReader(on) {
  return eventReader(on, (event) => {
    if (event.error) {
      on.failure(event.error.message ?? JSON.stringify(event.error));
      return "failed";
    }
    const delta = event.choices?.[0]?.delta ?? {};
    on.thinking(delta.reasoning_content ?? delta.reasoning ?? "");
    on.text(delta.content ?? "");
    on.usage(event.usage?.completion_tokens);
    return "";
  });
}

const READERS = { text: textReader, data: dataReader, ui: uiReader, openai: openaiReader };
