import { describe, expect, it } from "vitest";
import { createGooseSessions } from "../../../../mesh/agent/goose-sessions.ts";

describe("the register of Goose sessions", () => {
  it("keeps a run a run, and its trace, when Goose's own hook registers the session again", () => {
    const sessions = createGooseSessions();
    sessions.register("s1", { kind: "run", traceId: "a" });
    sessions.register("s1", { kind: "chat", traceId: "b" });
    expect(sessions.find("s1")).toEqual({ kind: "run", traceId: "a" });
  });

  it("makes a session a run although the hook registered it first", () => {
    const sessions = createGooseSessions();
    sessions.register("s1", { kind: "chat", traceId: "b" });
    sessions.register("s1", { kind: "run", traceId: "a" });
    expect(sessions.find("s1")).toEqual({ kind: "run", traceId: "a" });
  });

  it("keeps a chat's trace when it registers again", () => {
    const sessions = createGooseSessions();
    sessions.register("s1", { kind: "chat", traceId: "first" });
    sessions.register("s1", { kind: "chat", traceId: "second" });
    expect(sessions.find("s1")?.traceId).toBe("first");
  });

  it("forgets the oldest of too many, and knows nobody who never registered", () => {
    const sessions = createGooseSessions();
    for (let i = 0; i <= 2_000; i++) sessions.register(`s${i}`, { kind: "chat", traceId: String(i) });
    expect(sessions.find("s0")).toBeUndefined();
    expect(sessions.find("s1")?.traceId).toBe("1");
    expect(sessions.find("s2000")?.traceId).toBe("2000");
    expect(sessions.find("never")).toBeUndefined();
  });
});
