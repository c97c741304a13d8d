/** Writes pairs of a state and an audit event through the real commit queue into the store in argv[2], and prints each number once it is on the disk. */
import { openAuditChain } from "../../mesh/audit/chain.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { createCommitQueue } from "../../mesh/store/commit-queue.ts";
import { openLevelStore } from "../../mesh/store/level-store.ts";
import { AGENT, ORG } from "./store-writer.ts";

const store = await openLevelStore(process.argv[2] ?? "");
const audit = await openAuditChain({ store, random: systemRandom }, { org: ORG, agentId: AGENT });
const onEffectError = (error: unknown): never => {
  throw error;
};
const queue = createCommitQueue({ store, clock: systemClock, audit, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError });

const actor = { type: "agent" as const, id: AGENT, role: "finance" };
for (let i = audit.head().seq + 1; ; i++) {
  await queue.run((tx) => {
    tx.put(`task/${i}`, "x".repeat(300));
    tx.audit({ actor, action: "task.state", target: `task:${i}`, result: "ok", traceId: "c".repeat(32) });
  });
  process.stdout.write(`${i}\n`);
}
