import { describe, expect, it } from "vitest";
import { createGooseSessions, openGooseSessions } from "../../../../mesh/agent/goose-sessions.ts";
import { openAuditChain } from "../../../../mesh/audit/chain.ts";
import type { CommitQueue } from "../../../../mesh/contract/ports.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { type MemoryStore, openMemoryStore } from "../../../support/memory-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";

const HOUR_MS = 3_600_000;

/** A clock that a test sets. */
class Hands {
  time = Date.UTC(2026, 10, 20, 8);
  readonly now = (): number => this.time;
}

const memoryOnly = () => createGooseSessions({ clock: new Hands() });

describe("the register of Goose sessions", () => {
  it("keeps a run a run, and its trace, when Goose's own hook registers the session again", () => {
    const sessions = memoryOnly();
    sessions.register("s1", { kind: "run", traceId: "a" });
    sessions.register("s1", { kind: "chat", traceId: "b" });
    expect(sessions.find("s1")).toEqual({ kind: "run", traceId: "a" });
  });

  it("makes a session a run although the hook registered it first", () => {
    const sessions = memoryOnly();
    sessions.register("s1", { kind: "chat", traceId: "b" });
    sessions.register("s1", { kind: "run", traceId: "a" });
    expect(sessions.find("s1")).toEqual({ kind: "run", traceId: "a" });
  });

  it("keeps a chat's trace when it registers again", () => {
    const sessions = memoryOnly();
    expect(sessions.register("s1", { kind: "chat", traceId: "first" })).toBe(true);
    expect(sessions.register("s1", { kind: "chat", traceId: "second" })).toBe(false);
    expect(sessions.find("s1")?.traceId).toBe("first");
  });

  it("forgets the one that was seen longest ago of too many, and knows nobody who never registered", () => {
    const sessions = memoryOnly();
    for (let i = 0; i < 2_000; i++) sessions.register(`s${i}`, { kind: "chat", traceId: String(i) });
    sessions.register("s0", { kind: "chat", traceId: "again" });
    sessions.register("s2000", { kind: "chat", traceId: "2000" });
    expect(sessions.find("s1")).toBeUndefined();
    expect(sessions.find("s0")?.traceId).toBe("0");
    expect(sessions.find("s2000")?.traceId).toBe("2000");
    expect(sessions.find("never")).toBeUndefined();
  });

  it("no longer knows a session that was not seen for a day, and counts one that was", () => {
    const clock = new Hands();
    const sessions = createGooseSessions({ clock });
    sessions.register("s1", { kind: "chat", traceId: "a" });
    clock.time += 23 * HOUR_MS;
    sessions.register("s1", { kind: "chat", traceId: "b" });
    clock.time += 23 * HOUR_MS;
    expect(sessions.find("s1")?.traceId).toBe("a");
    clock.time += HOUR_MS;
    expect(sessions.find("s1")).toBeUndefined();
    expect(sessions.register("s1", { kind: "chat", traceId: "c" })).toBe(true);
    expect(sessions.find("s1")?.traceId).toBe("c");
  });
});

describe("a daemon that starts again", () => {
  const queueOf = async (store: MemoryStore, clock: Hands): Promise<CommitQueue> => {
    const audit = await openAuditChain({ store, random: seededRandom("c") }, { org: `org_${"a".repeat(26)}`, agentId: "a" });
    const timers = { now: clock.now, after: () => () => undefined };
    return createCommitQueue({ store, clock: timers, audit, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: () => undefined });
  };

  it("still knows its chats and their traces, but no runs, and none that has expired", async () => {
    const clock = new Hands();
    const store = openMemoryStore();
    const queue = await queueOf(store, clock);
    const sessions = await openGooseSessions({ clock, store });
    await queue.run((tx) => sessions.register("old", { kind: "chat", traceId: "o" }, tx));
    clock.time += 2 * HOUR_MS;
    await queue.run((tx) => sessions.register("chat", { kind: "chat", traceId: "c" }, tx));
    sessions.register("run:1", { kind: "run", traceId: "r" });
    clock.time += 23 * HOUR_MS;
    const disk = store.crash();
    const after = await openGooseSessions({ clock, store: disk });
    expect([after.find("chat"), after.find("run:1"), after.find("old")]).toEqual([{ kind: "chat", traceId: "c" }, undefined, undefined]);
    expect(await disk.range({ gte: "goose/session/", lt: "goose/session0" })).toHaveLength(1);
  });

  it("has a chat that goes on written once an hour, not at each prompt", async () => {
    const clock = new Hands();
    const store = openMemoryStore();
    const queue = await queueOf(store, clock);
    const sessions = await openGooseSessions({ clock, store });
    const kept = async (): Promise<string | undefined> => (await store.range({ gte: "goose/session/", lt: "goose/session0" }))[0]?.[1];
    const register = (): Promise<boolean> => queue.run((tx) => sessions.register("s1", { kind: "chat", traceId: "a" }, tx));
    await register();
    const first = await kept();
    clock.time += HOUR_MS - 1;
    await register();
    expect(await kept()).toBe(first);
    clock.time += 1;
    await register();
    expect(JSON.parse((await kept()) ?? "")).toEqual({ v: 1, traceId: "a", seenAt: clock.time });
  });
});
