/** A company of people who can sign approvals, each with a node of the simulation; and those who ask and do. */
import type { DaemonResult } from "../../mesh/contract/daemon-api.ts";
import type { MessagingDeps } from "../../mesh/agent/messaging/messaging-types.ts";
import type { PolicyEngine } from "../../mesh/contract/ports.ts";
import type { WantedApproval } from "../../mesh/enforcement/approvers.ts";
import { keepObligations } from "../../mesh/enforcement/keep-obligations.ts";
import { signApproval } from "../../mesh/identity/approval.ts";
import { createSigner, generateSigningKey } from "../../mesh/identity/keys.ts";
import { statementOn } from "./approval-statement.ts";
import { type NodeOptions, startNode, type TestNode, type World } from "./messaging-node.ts";

/** Nora is above both executives and has nobody above her; Paul is below Fiona, who asks. */
export const MANAGERS = {
  "edward.lindqvist": "nora.keller",
  "olga.nowak": "nora.keller",
  "fiona.berg": "edward.lindqvist",
  "paul.simon": "fiona.berg",
  "rita.moss": "paul.simon",
};
const PEOPLE = [
  ["edward.lindqvist", "executive"],
  ["olga.nowak", "executive"],
  ["nora.keller", "chair"],
  ["paul.simon", "controller"],
  ["rita.moss", "clerk"],
] as const;
/** Somebody who can sign. */
export type Name = (typeof PEOPLE)[number][0];
/** An approval as a node shows it. */
export type Approval = Extract<DaemonResult<"status.fetch">, { kind: "approval" }>;

/** Messaging under a policy that allows everything and wants an approval by executives before these actions. */
export const wantingApprovals =
  (more: Partial<WantedApproval>, actions: readonly string[] = ["task.send", "task.receive"]) =>
  (deps: MessagingDeps): MessagingDeps => {
    const engine: PolicyEngine = {
      decide: ({ action }) => {
        const obligations = actions.includes(action) ? [{ kind: "approval" as const, role: "executive", ...more }] : [];
        return { allowed: true, rules: ["r1"], reason: "r1 allows it.", policyHash: "d".repeat(64), obligations };
      },
    };
    return { ...deps, policy: keepObligations(engine, { clock: deps.clock }) };
  };

/** Fiona of finance, Marco of marketing, and everybody who can sign. */
export async function startApprovers(world: World, options: NodeOptions = {}) {
  const keys = new Map(PEOPLE.map(([subject]) => [subject, createSigner(generateSigningKey(world.random))]));
  const members = [["fiona.berg", "finance"] as const, ["marco.diaz", "marketing"] as const, ...PEOPLE].map(([subject, role]) =>
    world.addMember(subject, role),
  );
  const approvers = PEOPLE.map(([subject, role]) => ({ subject, role, key: keys.get(subject)?.publicJwk })) as never;
  const trust = () => ({ ...world.org.manifest, roster: { approvers, stewards: [] } });
  const nodes = new Map<string, TestNode>();
  for (const member of members)
    nodes.set(member.principal.subject, await startNode(world, member, { trust, managers: MANAGERS, ...options }));
  const nodeOf = (subject: string): TestNode => nodes.get(subject) as TestNode;

  const sign = (name: Name, item: Approval, decision: "approved" | "rejected", change: object = {}): string =>
    signApproval({
      signer: keys.get(name) as never,
      statement: statementOn(
        item,
        { org: world.org.org, subject: name, role: nodeOf(name).self.role, now: world.clock.now() },
        { decision, ...change },
      ),
    });
  return {
    nodeOf,
    trust,
    /** kill -9 and a start on what the disk kept. */
    async crash(subject: string, kept = 0) {
      nodes.set(subject, await nodeOf(subject).restart(kept));
    },
    finance: nodeOf("fiona.berg"),
    marketing: nodeOf("marco.diaz"),
    sign,
    /** Sends a decision past the checks of its sender's daemon. */
    sendPast: (from: Name, approvalId: string, decision: string) =>
      nodeOf(from).messaging.send(() => ({
        to: nodeOf("fiona.berg").self,
        message: { type: "approval.decision", approvalId, decision },
        priority: "P1",
        lane: `past ${decision.slice(-20)}`,
        traceId: "d".repeat(32),
      })),
    /** What waits for somebody to decide. */
    waiting: async (name: Name) => (await nodeOf(name).call("inbox.list", { kind: "approval" })).items as Approval[],
    async decide(name: Name, decision: "approved" | "rejected" = "approved", change: object = {}) {
      const [item] = (await nodeOf(name).call("inbox.list", { kind: "approval" })).items as Approval[];
      if (item === undefined) throw new Error(`nothing waits for ${name}`);
      await nodeOf(name).call("approval.decide", { approvalId: item.approvalId, decision: sign(name, item, decision, change) });
      await world.clock.advance(1_000);
      return item;
    },
  };
}
