/** Agents of a bench that write audit chains as daemons do and send them to a bootstrap node. */
import { join } from "node:path";
import { createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import { openAuditChain } from "../../mesh/audit/chain.ts";
import { signHead } from "../../mesh/audit/head.ts";
import { orgInvite } from "../../mesh/cli/org/org-invite.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import type { AuditDraft, AuditEvent } from "../../mesh/contract/audit.ts";
import { newUuid } from "../../mesh/contract/ids.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import { parseInvitation } from "../../mesh/identity/invitation.ts";
import { ensureAgentKeys } from "../../mesh/identity/key-file.ts";
import { agentIdOf, createSigner, publicJwkOf } from "../../mesh/identity/keys.ts";

/** An agent that can send what it wrote. */
export interface BenchAgent {
  /** Writes a batch and sends it; resolves once the node has it on its disk and the receipt is here. */
  send(events: number): Promise<void>;
}

const hex = (random: Random, bytes: number): string => Buffer.from(random.bytes(bytes)).toString("hex");

/** What a daemon records of a task's message: of the size that such events have. */
function draftOf(random: Random, nowMs: number, agentId: string, i: number): AuditDraft {
  const task = newUuid(nowMs, random);
  const policy = { policy: "allow", rules: "finance-asks-anyone", policyHash: hex(random, 32) };
  return {
    actor: { type: "agent", id: agentId, role: "finance" },
    action: i % 3 === 0 ? "message.send" : i % 3 === 1 ? "message.deliver" : "task.state",
    target: i % 3 === 2 ? `task:${task}` : `envelope:${newUuid(nowMs, random)}`,
    result: "ok",
    details: { type: "task.request", to: agentId, toSubject: "marco.diaz", ref: task, ...policy },
    traceId: hex(random, 16),
  };
}

/** An agent that has joined. @param folder of the organisation `dir` and of the agents */
export async function joinAgent(
  deps: { clock: Clock; random: Random },
  config: { folder: string; dir: string; url: string; name: string; user: string; role: string },
): Promise<BenchAgent> {
  const { clock, random } = deps;
  const out = createOutput({ write: () => undefined }, true);
  const link = await orgInvite({ dir: config.dir, role: config.role, user: config.user, url: config.url }, out, deps);
  const { claims, secret, baseUrl } = parseInvitation(link);
  const keys = await ensureAgentKeys(join(config.folder, config.name, "keys"), random);
  const signer = createSigner(keys.sign);
  const agentId = agentIdOf(signer.publicJwk);
  const client = createBootstrapClient({ signer, clock, random, fetch }, { baseUrl, org: claims.org });
  await client.join({ invitation: secret.jws, seal: publicJwkOf(keys.seal) });
  // Reads its events from what it links, so that the figure is the node's and not a second store's.
  const store = { get: () => undefined, range: async () => [], batch: async () => undefined, close: async () => undefined };
  const chain = await openAuditChain({ store, random }, { org: claims.org, agentId });
  let logSize = 0;
  return {
    async send(count) {
      const nowMs = clock.now();
      const drafts = Array.from({ length: count }, (_, i) => draftOf(random, nowMs, agentId, i));
      const events = chain.link(drafts, nowMs).map((op) => JSON.parse(op.type === "put" ? op.value : "") as AuditEvent);
      chain.committed();
      const { seq, hash } = chain.head();
      const head = signHead({ v: 1, org: claims.org, agentId, seq, hash, ts: new Date(nowMs).toISOString() }, signer);
      const { receipt } = await client.ingest({ events, head, logSize });
      if (receipt === undefined) throw new Error("The node gave no receipt.");
      logSize = receipt.index + 1;
    },
  };
}
