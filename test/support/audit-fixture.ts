/** A small organisation with a root, an issuer and agents that have audit chains; the real formats throughout. */
import { openAuditChain } from "../../mesh/audit/chain.ts";
import { type AgentExport, writeExport } from "../../mesh/audit/export.ts";
import { signHead } from "../../mesh/audit/head.ts";
import { inclusionProof, nodesToAdd, rootOf } from "../../mesh/audit/merkle.ts";
import { entryLeaf, signLogHead } from "../../mesh/audit/receipt.ts";
import type { AuditDraft, AuditEvent, AuditFilter } from "../../mesh/contract/audit.ts";
import type { BundleManifest } from "../../mesh/contract/bundle.ts";
import { RETENTION_DAYS } from "../../mesh/contract/limits.ts";
import { issueMembership } from "../../mesh/identity/membership.ts";
import { signJws } from "../../mesh/identity/jws.ts";
import { agentIdOf, createSigner, generateAgentKeys, generateSigningKey, publicJwkOf, thumbprintOf } from "../../mesh/identity/keys.ts";
import { orgIdOf } from "../../mesh/identity/org-id.ts";
import { openMemoryStore } from "./memory-store.ts";
import { createSeededRandom, type SeededRandom } from "./seeded-random.ts";

/** The time at which everything in the fixture happens. */
export const FIXTURE_TIME_MS = Date.UTC(2026, 9, 31, 8);
/** When anchors of pruned chains were signed: as long ago as events are kept where nothing else is said. */
const ANCHOR_TIME_MS = FIXTURE_TIME_MS - RETENTION_DAYS * 86_400_000;

/** Root and issuer keys and the manifest that names the issuer. */
export function createTestOrg(random: SeededRandom) {
  const root = createSigner(generateSigningKey(random));
  const issuer = createSigner(generateSigningKey(random));
  const rootFingerprint = thumbprintOf(root.publicJwk);
  const org = orgIdOf(rootFingerprint);
  const manifest: BundleManifest = {
    v: 1,
    org,
    orgName: "Northwind Optics",
    role: "finance",
    version: 1,
    issuedAt: new Date(FIXTURE_TIME_MS).toISOString(),
    expiresAt: new Date(FIXTURE_TIME_MS + 86_400_000).toISOString(),
    root: root.publicJwk,
    issuers: [issuer.publicJwk],
    admins: [issuer.publicJwk],
    roster: { approvers: [], stewards: [] },
    revocations: { seq: 0, agents: [], subjects: [], keys: [] },
    policyHash: "0".repeat(64),
    files: {},
  };
  return {
    org,
    root,
    issuer,
    rootFingerprint,
    manifest,
    manifestJws: signJws({ typ: "gaggle-bundle+jws", payload: manifest, signer: root }),
    /** Another one, that says something else besides. */
    signManifest: (change: Partial<BundleManifest>) =>
      signJws({ typ: "gaggle-bundle+jws", payload: { ...manifest, ...change }, signer: root }),
  };
}
/** Root and issuer keys and the manifest that names the issuer. */
export type TestOrg = ReturnType<typeof createTestOrg>;

/** A member's keys, id and credential. */
export function createTestMember(org: TestOrg, random: SeededRandom, who: { subject: string; role: string }, nowMs = FIXTURE_TIME_MS) {
  const keys = generateAgentKeys(random);
  const signer = createSigner(keys.sign);
  const principal = { agentId: agentIdOf(signer.publicJwk), subject: who.subject, role: who.role, department: who.role };
  const member = { ...principal, seal: publicJwkOf(keys.seal) };
  return { keys, signer, principal, credential: issueMembership({ org: org.org, member, signer: org.issuer, nowMs, random }) };
}
/** A member's keys, id and credential. */
export type TestMember = ReturnType<typeof createTestMember>;

const WORDS = ["task:1", "envelope:ü✓", 'tool:"x"', "run:\\2", "session:\u2028"];

const draftOf = (member: TestMember, i: number): AuditDraft => ({
  actor: { type: "agent", id: member.principal.agentId, role: member.principal.role },
  action: i % 2 === 0 ? "message.send" : "task.state",
  target: WORDS[i % WORDS.length] ?? "task:0",
  result: i % 3 === 0 ? "denied" : "ok",
  details: { attempts: i, policy: "allow", retried: i % 2 === 0 },
  redactions: i % 4 === 0 ? [{ class: "email", count: i + 1 }] : [],
  cost: { tokens: i, usd: "0.0012" },
  traceId: i.toString(16).padStart(32, "0"),
});

/** One agent's part of an export with these events, of which the first `pruned` are gone. */
export async function makeAgentExport(
  org: TestOrg,
  member: TestMember,
  random: SeededRandom,
  drafts: readonly AuditDraft[],
  pruned = 0,
  anchorMs = ANCHOR_TIME_MS,
  lost?: { readonly from: number; readonly to: number },
): Promise<AgentExport & { readonly events: AuditEvent[] }> {
  const { agentId } = member.principal;
  const chain = await openAuditChain({ store: openMemoryStore(), random }, { org: org.org, agentId });
  const ops = chain.link(drafts, FIXTURE_TIME_MS);
  const events = ops.flatMap((op): AuditEvent[] => (op.type === "put" ? [JSON.parse(op.value)] : []));
  const headAt = (seq: number, signedAtMs = FIXTURE_TIME_MS): string => {
    const hash = events[seq - 1]?.hash ?? "";
    return signHead({ v: 1, org: org.org, agentId, seq, hash, ts: new Date(signedAtMs).toISOString() }, member.signer);
  };
  const anchor = pruned === 0 ? undefined : headAt(pruned, anchorMs);
  const made = { agentId, credentials: [member.credential], anchor, head: headAt(drafts.length) };
  if (lost === undefined) return { ...made, events: events.slice(pruned) };
  // The node's log of before held one end alone, the chain's.
  const end = { seq: drafts.length, hash: events.at(-1)?.hash ?? "" };
  const log = { v: 1, org: org.org, size: 1, root: entryLeaf({ agentId, ...end }), ts: new Date(anchorMs).toISOString() } as const;
  const bridge = { anchor: headAt(lost.to, anchorMs), log: signLogHead(log, org.issuer), index: 0, proof: [], ...end };
  return { ...made, bridges: [bridge], events: events.filter(({ seq }) => seq > pruned && (seq < lost.from || seq > lost.to)) };
}

/** The node's log over the ends of some chains, and what each agent's export says of it. */
function withReceipts(org: TestOrg, agents: readonly (AgentExport & { readonly events: AuditEvent[] })[]) {
  const nodes = new Map<string, string>();
  const read = (level: number, index: number): string => nodes.get(`${level}/${index}`) ?? "";
  for (const [i, { agentId, events }] of agents.entries()) {
    const { seq, hash } = events.at(-1) ?? { seq: 0, hash: "" };
    for (const node of nodesToAdd(read, i, entryLeaf({ agentId, seq, hash }))) nodes.set(`${node.level}/${node.index}`, node.hash);
  }
  const size = agents.length;
  const ts = new Date(FIXTURE_TIME_MS).toISOString();
  return {
    log: signLogHead({ v: 1, org: org.org, size, root: rootOf(read, size), ts }, org.issuer),
    agents: agents.map((agent, index) => ({ ...agent, receipt: { index, proof: inclusionProof(read, index, size) } })),
  };
}

/** The lines (with line ends) of an export of some agents, and the root's fingerprint. */
export async function makeExport(
  seed: number,
  counts: readonly number[] = [5, 4],
  options: {
    filter?: AuditFilter;
    pruned?: readonly number[];
    anchorMs?: number;
    manifest?: Partial<BundleManifest>;
    lost?: { from: number; to: number };
  } = {},
) {
  const random = createSeededRandom(seed);
  const org = createTestOrg(random);
  const roles = ["finance", "marketing", "engineering"];
  const made: (AgentExport & { readonly events: AuditEvent[] })[] = [];
  for (const [i, count] of counts.entries()) {
    const role = roles[i % roles.length] ?? "hr";
    const member = createTestMember(org, random, { subject: `${role}.${i}`, role });
    const drafts = Array.from({ length: count }, (_, n) => draftOf(member, n));
    made.push(
      await makeAgentExport(org, member, random, drafts, options.pruned?.[i], options.anchorMs, i === 0 ? options.lost : undefined),
    );
  }
  const { log, agents } = withReceipts(org, made);
  const { filter } = options;
  const lines: string[] = [];
  for await (const line of writeExport({
    org: org.org,
    nowMs: FIXTURE_TIME_MS,
    manifests: [org.manifestJws, ...(options.manifest === undefined ? [] : [org.signManifest(options.manifest)])],
    log,
    agents,
    signer: org.issuer,
    filter,
  }))
    lines.push(line);
  return { org, agents, log, lines, rootFingerprint: org.rootFingerprint };
}
