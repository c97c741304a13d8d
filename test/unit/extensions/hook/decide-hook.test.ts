import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideHook, type HookOutcome } from "../../../../extensions/hook/decide-hook.ts";
import type { DaemonClient } from "../../../../mesh/client/connect-daemon.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";

type Caller = Pick<DaemonClient, "call" | "close">;

/** Remembers calls and answers all of them the same. */
class RecordingDaemon {
  readonly calls: [method: string, params: unknown][] = [];
  closed = 0;
  readonly #answer: () => unknown;
  constructor(answer: () => unknown) {
    this.#answer = answer;
  }
  readonly started: boolean[] = [];
  readonly connect = async ({ start }: { start: boolean }): Promise<Caller> => {
    this.started.push(start);
    return this.#caller();
  };
  readonly #caller = (): Caller => ({
    call: (async (method: string, params: unknown) => {
      this.calls.push([method, params]);
      return this.#answer();
    }) as Caller["call"],
    close: () => void this.closed++,
  });
}

const payload = (fields: object): string =>
  JSON.stringify({ event: "PreToolUse", session_id: "s1", matcher_context: "mesh__send_task", ...fields });
const decide = (daemon: RecordingDaemon, text: string): Promise<HookOutcome> => decideHook(text, { connect: daemon.connect, isRun: false });

describe("a hook", () => {
  it("lets a tool call pass that the daemon allows, and closes the connection", async () => {
    const daemon = new RecordingDaemon(() => ({ decision: "allow", reason: "" }));
    expect(await decide(daemon, payload({ tool_name: "mesh__send_task", tool_input: { secret: 1 } }))).toEqual({ exitCode: 0 });
    expect(daemon.calls).toEqual([["hook.decide", { event: "PreToolUse", sessionId: "s1", tool: "mesh__send_task" }]]);
    expect(daemon.closed).toBe(1);
  });

  it("denies with the daemon's reason", async () => {
    const daemon = new RecordingDaemon(() => ({ decision: "block", reason: "Not for finance." }));
    expect(await decide(daemon, payload({}))).toEqual({ exitCode: 2, reason: "Not for finance." });
  });

  it("registers a session when it starts, and at each prompt: a session that was resumed may have had no start", async () => {
    const daemon = new RecordingDaemon(() => ({ ok: true }));
    expect(await decide(daemon, payload({ event: "SessionStart", matcher_context: "", working_dir: "/work" }))).toEqual({ exitCode: 0 });
    const prompt = payload({ event: "UserPromptSubmit", matcher_context: "Pay Ada", message: "Pay Ada" });
    expect(await decide(daemon, prompt)).toEqual({ exitCode: 0 });
    expect(daemon.calls).toEqual([
      ["session.register", { sessionId: "s1", workingDir: "/work" }],
      ["session.register", { sessionId: "s1", workingDir: undefined }],
    ]);
  });

  it("names the sessions of an unattended run apart from a chat's of the same day", async () => {
    const daemon = new RecordingDaemon(() => ({ decision: "allow", reason: "" }));
    await decideHook(payload({}), { connect: daemon.connect, isRun: true });
    expect(daemon.calls).toMatchObject([["hook.decide", { sessionId: "run:s1" }]]);
  });

  it("at the end of a turn tells what waits, starts no daemon, and lets the turn end where anything fails", async () => {
    const stop = payload({ event: "Stop", matcher_context: null, last_assistant_message: "done" });
    const waiting = new RecordingDaemon(() => ({ decision: "block", reason: "A task waits." }));
    expect(await decide(waiting, stop)).toEqual({ exitCode: 2, reason: "A task waits." });
    expect(waiting.calls).toEqual([["hook.decide", { event: "Stop", sessionId: "s1", tool: "" }]]);
    expect(waiting.started).toEqual([false]);
    for (const answer of [{ decision: "allow", reason: "" }, {}, null])
      expect(await decide(new RecordingDaemon(() => answer), stop)).toEqual({ exitCode: 0 });
    const gone = decideHook(stop, { connect: () => Promise.reject(new Error("gone")), isRun: false });
    expect(await gone).toEqual({ exitCode: 0 });
  });

  it("denies when the daemon fails, says something else, or can't be reached", async () => {
    const failing = new RecordingDaemon(() => {
      throw new GaggleError("SESSION_UNKNOWN", "Start a new chat.");
    });
    expect(await decide(failing, payload({}))).toEqual({
      exitCode: 2,
      reason: "Gaggle did not allow this (SESSION_UNKNOWN): Start a new chat.",
    });
    expect(failing.closed).toBe(1);
    for (const answer of [{}, { decision: "Allow" }, { decision: true }, null]) {
      expect(await decide(new RecordingDaemon(() => answer), payload({}))).toMatchObject({ exitCode: 2 });
    }
    const unreachable = decideHook(payload({}), {
      connect: () => Promise.reject(new Error("connect /run/user/1000/secret")),
      isRun: false,
    });
    expect(await unreachable).toEqual({ exitCode: 2, reason: expect.not.stringContaining("secret") as unknown });
  });

  it("denies any payload that names no event, session or tool", async () => {
    const daemon = new RecordingDaemon(() => ({ decision: "allow", reason: "" }));
    const without = (key: string): string => JSON.stringify({ ...(JSON.parse(payload({})) as object), [key]: undefined });
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      without("event"),
      without("session_id"),
      without("matcher_context"),
      payload({ event: 7 }),
    ]) {
      expect(await decide(daemon, text)).toMatchObject({ exitCode: 2 });
    }
    expect(daemon.calls).toEqual([]);
  });

  it("never lets arbitrary input pass without asking the daemon", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        const daemon = new RecordingDaemon(() => ({ decision: "allow", reason: "" }));
        const { exitCode } = await decide(daemon, text);
        expect(exitCode).toBe(daemon.calls.length === 1 ? 0 : 2);
      }),
    );
  });
});
