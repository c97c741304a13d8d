/** Whatever comes, in whatever order, late, twice, or around a crash: nothing is done on fewer approvals than policy wants, nor on late ones. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { readApproval } from "../../../../mesh/session/approval-record.ts";
import { readTask } from "../../../../mesh/session/task-record.ts";
import { type Approval, type Name, startApprovers, wantingApprovals } from "../../../support/approvers-world.ts";
import { createWorld } from "../../../support/messaging-node.ts";
import { NO_FAULTS } from "../../../support/memory-network.ts";

/** A small share of the policy's time, which is eight of them. */
const SPAN = 360_000;
const SIGNERS = ["edward.lindqvist", "olga.nowak", "nora.keller"] as const satisfies readonly Name[];
const signer = fc.constantFrom(...SIGNERS);

/** One act of a history. `past`: signed and sent past the signer's own daemon, at whatever time. */
const act = fc.oneof(
  fc.record({
    do: fc.constant("decide" as const),
    who: signer,
    decision: fc.constantFrom("approved" as const, "approved" as const, "rejected" as const),
  }),
  fc.record({ do: fc.constant("past" as const), who: signer, from: signer, atSpans: fc.double({ min: -1, max: 9, noNaN: true }) }),
  fc.record({ do: fc.constant("wait" as const), spans: fc.double({ min: 0.01, max: 3, noNaN: true }) }),
  fc.record({ do: fc.constant("crash" as const), who: fc.constantFrom("fiona.berg", "marco.diaz", ...SIGNERS) }),
);

const history = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  lose: fc.constantFrom(0, 0.2),
  maxDelayMs: fc.constantFrom(0, 2_000),
  acts: fc.array(act, { maxLength: 12 }),
});

const plain = { seed: 1, lose: 0, maxDelayMs: 0 } as const;
const yes = (who: Name) => ({ do: "decide" as const, who: who as (typeof SIGNERS)[number], decision: "approved" as const });
/** One history of each end, so that each run of the test sees them. */
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;
const EXAMPLES: [History][] = [
  [{ ...plain, acts: [yes("edward.lindqvist"), { do: "crash", who: "fiona.berg" }, yes("olga.nowak")] }],
  [{ ...plain, acts: [yes("edward.lindqvist"), { do: "past", who: "edward.lindqvist", from: "edward.lindqvist", atSpans: 1 }] }],
  [{ ...plain, acts: [yes("edward.lindqvist"), { ...yes("olga.nowak"), decision: "rejected" }] }],
];

test("a task goes only on enough different people's approvals, each in time, and once it may not it never does", async () => {
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(history, async ({ seed, lose, maxDelayMs, acts }) => {
      const world = createWorld(seed);
      const { clock, network } = world;
      const { nodeOf, crash, sign, sendPast, waiting } = await startApprovers(world, {
        alter: wantingApprovals({ quorum: 2, withinMs: 8 * SPAN, escalates: true }),
      });
      const [began, deadline] = [clock.now(), clock.now() + 8 * SPAN];
      const { taskId } = await nodeOf("fiona.berg").call("task.send", {
        target: { targetRole: "marketing" },
        task: "Pay the invoice",
        idempotencyKey: "t1",
      });
      const approvalId = readTask(nodeOf("fiona.berg").store, "asker", taskId)?.approvals?.[0]?.approvalId ?? "";
      await clock.advance(1_000);
      network.state.faults = { loseRequest: lose, loseAnswer: lose, repeat: 0.3, maxDelayMs };
      let item: Approval | undefined;
      for (const one of acts) {
        [item] = item === undefined ? await waiting("edward.lindqvist") : [item];
        if (one.do === "wait") await clock.advance(one.spans * SPAN);
        else if (one.do === "crash") await crash(one.who);
        else if (one.do === "past" && item !== undefined) {
          const decidedAt = new Date(began + one.atSpans * SPAN).toISOString();
          await sendPast(one.from, approvalId, sign(one.who, item, "approved", { decidedAt }));
        } else if (one.do === "decide") {
          const [mine] = await waiting(one.who);
          if (mine !== undefined)
            await nodeOf(one.who)
              .call("approval.decide", { approvalId, decision: sign(one.who, mine, one.decision) })
              .catch((error: unknown) => {
                expect(error).toMatchObject({ code: "STATE_CONFLICT" });
              });
        }
        await clock.advance(1_000);
      }
      network.state.faults = NO_FAULTS;
      await clock.advance(10 * SPAN);

      const record = readApproval(nodeOf("fiona.berg").store, "requester", approvalId);
      const task = readTask(nodeOf("marco.diaz").store, "worker", taskId);
      const asked = readTask(nodeOf("fiona.berg").store, "asker", taskId);
      const state = record?.state ?? "";
      ends.set(state, (ends.get(state) ?? 0) + 1);
      expect(["APPROVED", "REJECTED", "EXPIRED"]).toContain(state);
      const over = (record?.history ?? []).filter((entry) => entry.state !== "PENDING");
      expect(over).toHaveLength(1);
      if (state === "EXPIRED") expect(over[0]?.at).toBeGreaterThanOrEqual(deadline);
      else expect(over[0]?.at).toBeLessThan(deadline);

      const accepted = (await nodeOf("fiona.berg").chain.list({ fromSeq: 1, limit: 1_000 })).filter(
        ({ action, result }) => action === "approval.accept" && result === "ok",
      );
      const yes = accepted.filter(({ details }) => details["decision"] === "approved").map(({ details }) => details["approver"]);
      expect(new Set(yes).size).toBe(yes.length);
      expect(yes).not.toContain("fiona.berg");
      expect(yes.length >= 2).toBe(state === "APPROVED");
      expect(accepted.length - yes.length).toBe(state === "REJECTED" ? 1 : 0);

      expect(task !== undefined).toBe(state === "APPROVED");
      expect(asked?.state).toBe(
        new Map([
          ["APPROVED", "SUBMITTED"],
          ["REJECTED", "REJECTED"],
          ["EXPIRED", "FAILED"],
        ]).get(state),
      );
      const subjects = new Set(task?.approvers?.map(({ subject }) => subject));
      if (task !== undefined) expect(subjects.size).toBeGreaterThanOrEqual(2);
      for (const { decidedAt = deadline } of task?.approvers ?? []) expect(decidedAt).toBeLessThan(deadline);
      for (const name of SIGNERS) expect(await waiting(name)).toEqual([]);
    }),
    { numRuns: 25, examples: EXAMPLES },
  );
  expect([...ends.keys()].sort()).toEqual(["APPROVED", "EXPIRED", "REJECTED"]);
});
