import type { RequestPermissionRequest, SessionNotification } from "@agentclientprotocol/sdk";
import { describe, expect, it } from "vitest";
import { createPermissionGate } from "../../../../mesh/executor/permissions.ts";

const OPTIONS: RequestPermissionRequest["options"] = (["allow_always", "allow_once", "reject_once", "reject_always"] as const).map(
  (kind) => ({
    optionId: kind,
    name: kind,
    kind,
  }),
);

const called = (toolCallId: string, toolName: string | undefined, rawInput: object = {}): SessionNotification => ({
  sessionId: "s",
  update: { sessionUpdate: "tool_call", toolCallId, title: "t", rawInput, _meta: { goose: { toolCall: { toolName } } } },
});
const completed = (toolCallId: string): SessionNotification => ({
  sessionId: "s",
  update: { sessionUpdate: "tool_call_update", toolCallId, status: "completed" },
});
const question = (toolCallId: string, options = OPTIONS): RequestPermissionRequest => ({
  sessionId: "s",
  toolCall: { toolCallId },
  options,
});
const only = (allowed: string) => createPermissionGate(({ tool }) => ({ allowed: tool === allowed, reason: "test" }));

describe("answering Goose's questions", () => {
  it("allows once what policy allows, and rejects once what it doesn't", async () => {
    const gate = only("ledger__read");
    gate.observe(called("1", "ledger__read"));
    gate.observe(called("2", "shell"));
    expect(await gate.answer(question("1"))).toEqual({ outcome: { outcome: "selected", optionId: "allow_once" } });
    expect(await gate.answer(question("2"))).toEqual({ outcome: { outcome: "selected", optionId: "reject_once" } });
  });

  it("rejects a call whose tool it never heard of, or that has no name", async () => {
    const gate = createPermissionGate(() => ({ allowed: true, reason: "test" }));
    gate.observe(called("1", undefined));
    expect(await gate.answer(question("1"))).toMatchObject({ outcome: { optionId: "reject_once" } });
    expect(await gate.answer(question("unknown"))).toMatchObject({ outcome: { optionId: "reject_once" } });
  });

  it("rejects two tools under one id, in either order, since it can't tell which is asked about", async () => {
    for (const tools of [
      ["ledger__read", "shell"],
      ["shell", "ledger__read"],
    ]) {
      const gate = only("ledger__read");
      for (const tool of tools) gate.observe(called("1", tool));
      gate.observe(called("1", "ledger__read"));
      expect(await gate.answer(question("1"))).toMatchObject({ outcome: { optionId: "reject_once" } });
    }
  });

  it("never answers allow_always, also where nothing else is offered", async () => {
    const gate = only("ledger__read");
    gate.observe(called("1", "ledger__read"));
    const always = OPTIONS.filter(({ kind }) => kind === "allow_always");
    expect(await gate.answer(question("1", always))).toEqual({ outcome: { outcome: "cancelled" } });
  });

  it("answers cancelled once the run is over", async () => {
    const gate = only("ledger__read");
    gate.observe(called("1", "ledger__read"));
    gate.cancel();
    expect(await gate.answer(question("1"))).toEqual({ outcome: { outcome: "cancelled" } });
  });

  it("takes as the result only what Goose accepted", async () => {
    const gate = only("nothing");
    gate.observe(called("1", "recipe__final_output", { status: 7 }));
    expect(await gate.answer(question("1"))).toMatchObject({ outcome: { optionId: "allow_once" } });
    expect(gate.finalOutput()).toBeUndefined();
    gate.observe(called("2", "recipe__final_output", { status: "done" }));
    gate.observe(completed("2"));
    expect(gate.finalOutput()).toEqual({ status: "done" });
  });
});
