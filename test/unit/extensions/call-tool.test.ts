import { describe, expect, it } from "vitest";
import { z } from "zod";
import { callTool } from "../../../extensions/call-tool.ts";
import { defineTool, type Tool, type ToolCall } from "../../../extensions/define-tool.ts";
import { GaggleError } from "../../../mesh/contract/errors.ts";

const never = new AbortController().signal;
const open = { authorise: async () => undefined, isRun: false };
const META = { "agent-session-id": "20261120_1", "agent-tool-call-request-id": "call-1", "agent-working-dir": "/work" };

/** A tool that remembers how it was called. */
function probe(
  run: (input: { text: string; count?: number | undefined }) => { length: number } = ({ text }) => ({ length: text.length }),
): {
  tool: Tool;
  calls: { input: unknown; call: ToolCall }[];
} {
  const calls: { input: unknown; call: ToolCall }[] = [];
  const tool = defineTool({
    name: "probe",
    title: "Probe",
    description: "Measures a text.",
    input: z.strictObject({ text: z.string(), count: z.int().optional() }),
    output: z.object({ length: z.int() }),
    readOnly: true,
    async run(input, call) {
      calls.push({ input, call });
      return { structured: run(input), text: "Measured." };
    },
  });
  return { tool, calls };
}

const textOf = ({ content }: Awaited<ReturnType<typeof callTool>>): string =>
  content.map((part) => (part.type === "text" ? part.text : "")).join("|");

describe("callTool", () => {
  it("gives the data twice: structured, and as JSON after the sentence", async () => {
    const { tool } = probe();
    const result = await callTool([tool], { name: "probe", arguments: { text: "four" } }, open, never);
    expect(result).toEqual({
      structuredContent: { length: 4 },
      content: [
        { type: "text", text: "Measured." },
        { type: "text", text: '{"length":4}' },
      ],
    });
  });

  it("tells the tool what Goose says about the call", async () => {
    const { tool, calls } = probe();
    await callTool([tool], { name: "probe", arguments: { text: "" }, _meta: META }, open, never);
    expect(calls[0]?.call).toMatchObject({ sessionId: "20261120_1", toolCallId: "call-1", workingDir: "/work", signal: never });
    await callTool(
      [tool],
      { name: "probe", arguments: { text: "" }, _meta: { "agent-session-id": 7, "agent-working-dir": "" } },
      open,
      never,
    );
    expect(Object.keys(calls[1]?.call ?? {}).sort()).toEqual(["defaultIdempotencyKey", "signal"]);
  });

  it("makes a key that names the very call and is short enough", async () => {
    const { tool, calls } = probe();
    const run = (meta: object, text = "a"): Promise<unknown> =>
      callTool([tool], { name: "probe", arguments: { text }, _meta: meta as never }, open, never);
    await run(META);
    await run(META);
    await run(META, "b");
    await run({ ...META, "agent-tool-call-request-id": "x".repeat(500) });
    await run({ ...META, "agent-tool-call-request-id": `${"x".repeat(500)}y` });
    await run({});
    await run({});
    const keys = calls.map(({ call }) => call.defaultIdempotencyKey);
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(6);
    expect(Math.max(...keys.map((key) => key.length))).toBeLessThanOrEqual(200);
  });

  it("takes null for what may be left out, and only for that", async () => {
    const { tool, calls } = probe();
    await callTool([tool], { name: "probe", arguments: { text: "a", count: null } }, open, never);
    expect(calls[0]?.input).toEqual({ text: "a" });
    expect(await callTool([tool], { name: "probe", arguments: { text: null } }, open, never)).toMatchObject({ isError: true });
  });

  it("answers wrong input with the field's name and never with its value", async () => {
    const { tool, calls } = probe();
    const result = await callTool([tool], { name: "probe", arguments: { text: 5, secret: "hunter2" } }, open, never);
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(/^INVALID_INPUT: probe .*text/);
    expect(textOf(result)).not.toContain("hunter2");
    expect(calls).toEqual([]);
  });

  it("answers an unknown tool with the names of those there are", async () => {
    expect(textOf(await callTool([probe().tool], { name: "nope" }, open, never))).toBe(
      "NOT_FOUND: There is no such tool here. The tools are: probe.",
    );
  });

  it("answers an error with its code and fix, and hides what others say", async () => {
    const run = (error: Error): ReturnType<typeof callTool> =>
      callTool(
        [
          probe(() => {
            throw error;
          }).tool,
        ],
        { name: "probe", arguments: { text: "" } },
        open,
        never,
      );
    expect(textOf(await run(new GaggleError("BUSY", "Try again in a minute.")))).toBe("BUSY: Try again in a minute.");
    expect(textOf(await run(new Error("/home/ada/secret")))).toMatch(/^INTERNAL: The extension failed/);
  });

  it("does not pass on a result that is not as its schema says", async () => {
    const result = await callTool([probe(() => ({ length: 0.5 })).tool], { name: "probe", arguments: { text: "" } }, open, never);
    expect(result).toMatchObject({ isError: true });
    expect(textOf(result)).toMatch(/^INTERNAL: /);
  });

  it("asks first, with the session, and runs nothing where the answer is no", async () => {
    const { tool, calls } = probe();
    const asked: (string | undefined)[] = [];
    const authorise = async (name: string, { sessionId }: { sessionId?: string }): Promise<void> => {
      asked.push(`${name} ${sessionId}`);
      throw new GaggleError("SESSION_UNKNOWN", "Start a new chat.");
    };
    const request = { name: "probe", arguments: { text: "" }, _meta: META };
    const result = await callTool([tool], request, { authorise, isRun: false }, never);
    expect({ result: textOf(result), isError: result.isError }).toEqual({ result: "SESSION_UNKNOWN: Start a new chat.", isError: true });
    await callTool([tool], request, { authorise, isRun: true }, never);
    expect(asked).toEqual(["probe 20261120_1", "probe run:20261120_1"]);
    expect(calls).toEqual([]);
  });
});
