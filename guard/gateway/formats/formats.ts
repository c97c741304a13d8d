/** The APIs that the gateway speaks. */
import type { Json, JsonObject } from "../../../mesh/contract/json.ts";
import type { Usage } from "../call-routes.ts";
import { anthropicError, openAiError } from "../refusal.ts";
import { visitMessages } from "./anthropic-messages.ts";
import { createMessageEvents, restoreMessage } from "./anthropic-messages-answer.ts";
import type { Format } from "./format.ts";
import { visitChat } from "./openai-chat.ts";
import { createChatEvents, restoreChat } from "./openai-chat-answer.ts";
import { visitResponses } from "./openai-responses.ts";
import { createResponseEvents, restoreResponse } from "./openai-responses-answer.ts";
import { isObject } from "./walk.ts";

const count = (value: Json | undefined): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

/** Only what is told; an absent count must not overwrite an earlier one. */
const told = (usage: { readonly [K in keyof Usage]: number | undefined }): Partial<Usage> =>
  Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== undefined));

/** OpenAI's counts, under the names that an API gives them. */
const openAiUsage = (usage: Json | undefined, input: string, output: string): Partial<Usage> | undefined => {
  if (!isObject(usage)) return undefined;
  const details = usage[`${input}_details`];
  return told({
    input: count(usage[input]),
    cachedInput: isObject(details) ? count(details["cached_tokens"]) : undefined,
    output: count(usage[output]),
  });
};

/** Anthropic counts what it reads from and writes to its cache beside the other input. */
const anthropicUsage = (usage: Json | undefined): Partial<Usage> | undefined => {
  if (!isObject(usage)) return undefined;
  const fresh = count(usage["input_tokens"]);
  const cached = count(usage["cache_read_input_tokens"]);
  const written = count(usage["cache_creation_input_tokens"]) ?? 0;
  const input = fresh === undefined ? undefined : fresh + (cached ?? 0) + written;
  return told({ input, cachedInput: fresh === undefined ? undefined : cached, output: count(usage["output_tokens"]) });
};

const chat: Format = {
  protocol: "openai-chat",
  path: "/chat/completions",
  namedEvents: false,
  visit: visitChat,
  restoreWhole: (body, { replacements }) => restoreChat(body, replacements),
  createEvents: ({ replacements }) => createChatEvents(replacements),
  usageOf: (body) => openAiUsage(body["usage"], "prompt_tokens", "completion_tokens"),
  errorBody: openAiError,
};

const usageInResponse = (body: JsonObject): Json | undefined => (isObject(body["response"]) ? body["response"]["usage"] : body["usage"]);

const responses: Format = {
  protocol: "openai-responses",
  path: "/responses",
  namedEvents: true,
  visit: visitResponses,
  restoreWhole: restoreResponse,
  createEvents: createResponseEvents,
  usageOf: (body) => openAiUsage(usageInResponse(body), "input_tokens", "output_tokens"),
  errorBody: openAiError,
};

const usageInMessage = (body: JsonObject): Json | undefined => (isObject(body["message"]) ? body["message"]["usage"] : body["usage"]);

const messages: Format = {
  protocol: "anthropic-messages",
  path: "/messages",
  namedEvents: true,
  visit: visitMessages,
  restoreWhole: restoreMessage,
  createEvents: createMessageEvents,
  usageOf: (body) => anthropicUsage(usageInMessage(body)),
  errorBody: anthropicError,
};

/** Counts a request's tokens and answers nothing else; what it counts leaves like any other request. */
const countTokens: Format = { ...messages, path: "/messages/count_tokens", restoreWhole: (body) => body, usageOf: () => undefined };

/** All of them, each path once. */
export const FORMATS: readonly Format[] = [chat, responses, messages, countTokens];
