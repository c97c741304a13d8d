import { describe, expect, it } from "vitest";
import { taskOf } from "../../../../guard/gateway/task-class.ts";
import type { Json, JsonObject } from "../../../../mesh/contract/json.ts";
import capturedCalls from "./captured-calls.json" with { type: "json" };

/** Requests of Goose 1.52 as a model's server got them, their texts cut short. */
const captured = capturedCalls as unknown as readonly { protocol: string; kind: string; body: JsonObject }[];
const sideCalls = captured
  .filter(({ kind }) => kind !== "chat")
  .map(({ protocol, kind, body }) => ({ what: `${protocol}'s ${kind}`, body }));

const messagesOf = (body: JsonObject): { name: "messages" | "input"; list: Json[] } => {
  const name = body["messages"] === undefined ? "input" : "messages";
  return { name, list: body[name] as Json[] };
};

describe("what a call of Goose is for", () => {
  it.each(captured.map((one, i) => ({ ...one, i })))("is told from its own form: $protocol, $kind ($i)", ({ kind, body }) => {
    expect(taskOf(body)).toBe(kind);
  });

  it.each(sideCalls)("is a chat where $what has tools, another message or another system prompt", ({ body }) => {
    const { name, list } = messagesOf(body);
    expect(taskOf({ ...body, tools: [{ type: "function" }] })).toBe("chat");
    expect(taskOf({ ...body, [name]: [...list, { role: "assistant", content: "hello" }] })).toBe("chat");
    expect(taskOf({ ...body, system: "You are an agent.", instructions: "You are an agent." })).toBe("chat");
  });

  it.each(sideCalls)("is a chat where $what is only quoted by a person", ({ body }) => {
    const { name, list } = messagesOf(body);
    expect(taskOf({ model: "m", [name]: [{ role: "user", content: JSON.stringify(list) }] })).toBe("chat");
  });

  it.each([
    {},
    { messages: null },
    { messages: [] },
    { input: "Please summarize the conversation history provided in the system prompt." },
  ])("is a chat where the form is unknown: %j", (body) => {
    expect(taskOf(body as JsonObject)).toBe("chat");
  });
});
