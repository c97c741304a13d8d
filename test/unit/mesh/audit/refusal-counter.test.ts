import { expect, test } from "vitest";
import { createRefusalCounter } from "../../../../mesh/audit/refusal-counter.ts";
import { type AuditDraft, auditDraft } from "../../../../mesh/contract/audit.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

function setUp() {
  const clock = createVirtualClock();
  const recorded: AuditDraft[] = [];
  const counter = createRefusalCounter({
    clock,
    actor: { type: "agent", id: "me", role: "finance" },
    newTraceId: () => "0".repeat(32),
    record: (drafts) => void recorded.push(...drafts.map((draft) => auditDraft.parse(draft))),
  });
  return { clock, recorded, counter };
}
const rows = (drafts: readonly AuditDraft[]) =>
  drafts.map(({ action, target, details }) => [action, target, details?.["code"], details?.["count"]]);

test("a thousand refusals of one source and reason are one event a minute", async () => {
  const { clock, recorded, counter } = setUp();
  for (let i = 0; i < 1_000; i++) counter.count({ action: "peer.refuse", source: "10.0.0.9", code: "NOT_A_MEMBER" });
  counter.count({ action: "message.refuse", source: "10.0.0.9", code: "ENVELOPE_INVALID" });
  expect(recorded).toEqual([]);
  await clock.advance(60_000);
  expect(rows(recorded)).toEqual([
    ["peer.refuse", "source:10.0.0.9", "NOT_A_MEMBER", 1_000],
    ["message.refuse", "source:10.0.0.9", "ENVELOPE_INVALID", 1],
  ]);
  await clock.advance(600_000);
  expect(recorded).toHaveLength(2);
  counter.count({ action: "peer.refuse", source: "10.0.0.9", code: "NOT_A_MEMBER" });
  await clock.advance(60_000);
  expect(rows(recorded)[2]).toEqual(["peer.refuse", "source:10.0.0.9", "NOT_A_MEMBER", 1]);
});

test("made-up sources can't fill the disk: beyond a bound they are counted together, and none is lost", async () => {
  const { clock, recorded, counter } = setUp();
  for (let i = 0; i < 10_000; i++) counter.count({ action: "peer.refuse", source: `stranger-${i}`.padEnd(500, "x"), code: "NOT_A_MEMBER" });
  await clock.advance(60_000);
  expect(recorded.length).toBeLessThan(70);
  expect(recorded.reduce((sum, { details }) => sum + Number(details?.["count"]), 0)).toBe(10_000);
});

test("a thousand sources for an hour stay below half a megabyte of events, and the next quiet minute tells them apart again", async () => {
  const { clock, recorded, counter } = setUp();
  for (let minute = 0; minute < 60; minute++) {
    for (let i = 0; i < 1_000; i++) counter.count({ action: "peer.refuse", source: `10.${minute}.${i % 250}.${i}`, code: "NOT_A_MEMBER" });
    await clock.advance(60_000);
  }
  // What an event has besides its draft: ids, times, two hashes.
  const bytes = recorded.reduce((sum, draft) => sum + JSON.stringify(draft).length + 450, 0);
  expect(bytes).toBeLessThan(500_000);
  expect(recorded.reduce((sum, { details }) => sum + Number(details?.["count"]), 0)).toBe(60_000);
  counter.count({ action: "peer.refuse", source: "a", code: "NOT_A_MEMBER" });
  await clock.advance(60_000);
  recorded.length = 0;
  for (let i = 0; i < 40; i++) counter.count({ action: "peer.refuse", source: `quiet-${i}`, code: "NOT_A_MEMBER" });
  await clock.advance(60_000);
  expect(recorded).toHaveLength(40);
});

test("flush records at once what was counted, and only once", async () => {
  const { clock, recorded, counter } = setUp();
  counter.count({ action: "peer.refuse", source: "a", code: "REVOKED" });
  counter.flush();
  counter.flush();
  await clock.advance(120_000);
  expect(recorded).toHaveLength(1);
  expect(clock.pending()).toBe(0);
});
