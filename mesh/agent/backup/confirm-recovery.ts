/**
 * An agent that came from a backup has a key that another machine may still use. It begins only once the bootstrap node has taken its word that it
 * goes on from there, and whoever then finds that the chain went on elsewhere ends for good. docs/decisions/0118-backup-of-an-agent.md
 */
import { existsSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { AuditChain } from "../../audit/chain.ts";
import { signHead, verifyHead } from "../../audit/head.ts";
import { createAuditShipper } from "../../audit/ship.ts";
import { MAX_INGEST_EVENTS } from "../../contract/bootstrap-api/audit-routes.ts";
import { GaggleError } from "../../contract/errors.ts";
import { writePrivateFile } from "../../store/private-file.ts";
import type { AgentCore } from "../agent-core.ts";
import { shipAudit } from "../ship-audit.ts";
import { recoveredMark } from "./folder-archive.ts";

const duplicateMark = (home: string): string => join(home, "duplicate.json");

const elsewhere = (): GaggleError =>
  new GaggleError(
    "DUPLICATE_AGENT",
    "This agent went on elsewhere with the same key, and two of it must not run. Keep the other one, or have this agent revoked and join again with a new invitation.",
  );

/** @throws GaggleError DUPLICATE_AGENT where this home was found to be a duplicate */
export function refuseDuplicate(home: string): void {
  if (existsSync(duplicateMark(home))) throw elsewhere();
}

/**
 * Confirms an agent that came from a backup; any other passes.
 * @throws GaggleError DUPLICATE_AGENT where the bootstrap node has more of this agent's audit than the backup, so that the other one went on;
 *   PEER_UNREACHABLE and what else the node answers: then it does not begin
 */
export async function confirmRecovery(core: AgentCore, home: string): Promise<void> {
  if (!existsSync(recoveredMark(home))) return;
  const { org, agentId } = core.config;
  const { seq, hash } = core.chain.head();
  const head = signHead({ v: 1, org, agentId, seq, hash, ts: new Date(core.clock.now()).toISOString() }, core.signer);
  const there = await core.client.ingest({ events: [], head });
  if (there.seq > seq || (there.seq === seq && seq > 0 && there.hash !== hash)) throw elsewhere();
  await core.audit({ action: "agent.recover", target: `agent:${agentId}`, result: "ok", details: { fromSeq: seq } });
  // From here on the node takes nothing more from the other one.
  await shipAudit(createAuditShipper(core, { org, agentId, maxEvents: MAX_INGEST_EVENTS }), core.chain, core.client);
  await unlink(recoveredMark(home));
}

/**
 * Whether the node's refusal proves that this agent's key signed another history: a head of its own that is not of this chain. The node can't make
 * one up, so it can't end an agent by saying so.
 */
export async function provesDuplicate(error: unknown, agentId: string, chain: Pick<AuditChain, "head" | "list">): Promise<boolean> {
  if (!(error instanceof GaggleError) || error.code !== "AUDIT_GAP") return false;
  const { head } = error.details;
  if (typeof head !== "string") return false;
  try {
    const { seq, hash } = verifyHead(head, agentId);
    const [own] = await chain.list({ fromSeq: seq, limit: 1 });
    return seq > chain.head().seq || (own !== undefined && own.seq === seq && own.hash !== hash);
  } catch {
    return false;
  }
}

/** Remembers that this home must not run again. @returns the error that ends the daemon */
export async function markDuplicate(home: string): Promise<GaggleError> {
  await writePrivateFile(duplicateMark(home), JSON.stringify({ v: 1 }));
  return elsewhere();
}
