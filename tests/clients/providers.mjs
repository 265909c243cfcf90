// SPDX-License-Identifier: MIT
/*
 * providers.mjs - clients that take Tidegate for a provider: @ai-sdk/openai-compatible under
 * the AI SDK's streamText and generateText, and Hugging Face's own package.
 *
 * Formats: "v1" a stream, "v1-json" one answer, "retried" a stream with the client's own retries.
 */
import { InferenceClient } from "@huggingface/inference";
import * as v5 from "ai-v5";
import * as v6 from "ai-v6";
import * as v7 from "ai-v7";
import { HfInference } from "huggingface-inference-v3";
import { createOpenAICompatible as compatibleV1 } from "openai-compatible-v1";
import { createOpenAICompatible as compatibleV2 } from "openai-compatible-v2";
import { createOpenAICompatible as compatibleV3 } from "openai-compatible-v3";

import { describe, drive } from "./drive.mjs";

/** The texts and the ends of streamText's parts, whose names differ between the majors. */
async function readParts(result, run, seen, controller) {
  seen.parts = [];
  for await (const part of result.fullStream ?? result.stream) {
    if (seen.parts.at(-1) !== part.type) {
      seen.parts.push(part.type);
    }
    if (part.type === "text-delta") {
      seen.text += part.text ?? part.delta;
      if (run.abort) {
        controller.abort();
      }
    } else if (part.type === "reasoning-delta") {
      seen.reasoning = (seen.reasoning ?? "") + (part.text ?? part.delta);
    } else if (part.type === "finish") {
      seen.finish = part.finishReason;
      seen.usage = part.totalUsage;
    }
  }
}

function compatibleClient(ai, createOpenAICompatible) {
  return async (run, seen) => {
    const provider = createOpenAICompatible({
      name: "tidegate",
      baseURL: `${run.base}/v1`,
      apiKey: run.token,
      includeUsage: true,
    });
    const controller = new AbortController();
    const call = {
      model: provider(run.model),
      prompt: run.content,
      abortSignal: controller.signal,
    };
    if (run.format !== "retried") {
      call.maxRetries = 0;
    }
    if (run.format === "v1-json") {
      if (run.abort) {
        setTimeout(() => controller.abort(), 300);
      }
      const answer = await ai.generateText(call);
      seen.text = answer.text;
      seen.finish = answer.finishReason;
      seen.usage = answer.usage;
      return;
    }
    call.onError = ({ error }) => {
      seen.error = describe(error);
      seen.how = "onError";
    };
    await readParts(ai.streamText(call), run, seen, controller);
  };
}

function huggingFaceClient(connect) {
  return async (run, seen) => {
    const client = connect(run);
    const controller = new AbortController();
    const request = { model: run.model, messages: [{ role: "user", content: run.content }] };
    const options = { signal: controller.signal, retry_on_error: false };
    if (run.format === "v1-json") {
      if (run.abort) {
        setTimeout(() => controller.abort(), 300);
      }
      const answer = await client.chatCompletion(request, options);
      seen.text = answer.choices[0].message.content;
      seen.finish = answer.choices[0].finish_reason;
      seen.usage = answer.usage;
      return;
    }
    for await (const chunk of client.chatCompletionStream(request, options)) {
      seen.text += chunk.choices[0]?.delta?.content ?? "";
      seen.finish = chunk.choices[0]?.finish_reason ?? seen.finish;
      seen.usage = chunk.usage ?? seen.usage;
      if (run.abort && seen.text !== "") {
        controller.abort();
      }
    }
  };
}

await drive({
  "compatible-v1": compatibleClient(v5, compatibleV1),
  "compatible-v2": compatibleClient(v6, compatibleV2),
  "compatible-v3": compatibleClient(v7, compatibleV3),
  "huggingface-v3": huggingFaceClient((run) => new HfInference(run.token).endpoint(run.base)),
  "huggingface-v4": huggingFaceClient(
    (run) => new InferenceClient(run.token, { endpointUrl: `${run.base}/v1` }),
  ),
});
