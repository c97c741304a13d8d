/** Answers what people and their Goose ask about the policy: what it allows, why it decided as it did, what it denied, what it is really asked. */
import { createPolicyExplainer, type Explanation } from "../../../guard/policy/explain.ts";
import type { VerifiedBundle } from "../../../profiles/bundle/verify.ts";
import type { AuditChain } from "../../audit/chain.ts";
import type { AuditEvent } from "../../contract/audit.ts";
import type { DaemonHandlers, DaemonRequest, DaemonResult } from "../../contract/daemon-api.ts";
import type { NearMissView, PastDecision, PolicyView } from "../../contract/daemon-api/policy-methods.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import type { SignedPolicy } from "../../contract/policy-set.ts";
import type { PolicyEngine, PolicyQuestion } from "../../contract/ports.ts";
import { obligationWord } from "../../enforcement/decision-details.ts";
import { policyHashOf } from "../bundle-policy.ts";
import type { AskedQuestions } from "./asked-questions.ts";
import { pastQuestions, personOf } from "./past-question.ts";

/** What the desk needs. */
export interface PolicyDeskDeps {
  readonly self: Principal;
  readonly policy: PolicyEngine;
  readonly asked: AskedQuestions;
  readonly chain: Pick<AuditChain, "list" | "head">;
  bundle(): VerifiedBundle;
}

/** The methods that it answers. */
export type PolicyDesk = Pick<DaemonHandlers, `policy.${"check" | "explain" | "denials" | "asked"}`>;

/** Events that are looked through at once, and at most, for a past decision. */
const PAGE = 1_000;
const MAX_LOOKED = 100_000;
/** Decisions that are shown of one id. */
const MAX_SHOWN = 50;

const viewOf = ({ id, effect, words, file, line }: SignedPolicy): PolicyView => ({ id, effect, words, file, line });

const whyOf = ({ determining, closest }: Explanation): { determining: PolicyView[]; closest: NearMissView[] } => ({
  determining: determining.map(viewOf),
  closest: closest.map(({ policy, failed }) => ({ policy: viewOf(policy), failed: failed.map(({ words, text }) => ({ words, text })) })),
});

/** What is shown of a question: nothing but what it holds, as the API's schema has it. */
function asView({
  action,
  principal,
  target,
  resource,
  context,
}: PolicyQuestion): DaemonResult<"policy.denials">["denials"][number]["question"] {
  const { dataClasses, participants, ...flags } = context ?? {};
  const known = {
    ...flags,
    ...(dataClasses === undefined ? {} : { dataClasses: [...dataClasses] }),
    ...(participants === undefined ? {} : { participants: [...participants] }),
  };
  return {
    action,
    principal,
    ...(target === undefined ? {} : { target }),
    ...(resource === undefined ? {} : { resource }),
    ...(Object.keys(known).length === 0 ? {} : { context: known }),
  };
}

const isAbout = ({ id, target, details }: AuditEvent, wanted: string): boolean =>
  id === wanted || target.slice(target.indexOf(":") + 1) === wanted || details["ref"] === wanted || details["taskId"] === wanted;

/** The bundle, where there is a valid one: without it the policy answers no, and says why. */
function inForce(bundle: () => VerifiedBundle): VerifiedBundle | undefined {
  try {
    return bundle();
  } catch (error) {
    if (error instanceof GaggleError) return undefined;
    throw error;
  }
}

/** Makes the desk. */
export function createPolicyDesk({ self, policy, asked, chain, bundle }: PolicyDeskDeps): PolicyDesk {
  const explain = (question: PolicyQuestion): Explanation => {
    const held = inForce(bundle);
    const looking: PolicyEngine = { decide: (one) => policy.decide(one, { keeps: ["mask", "approval"], counts: false }) };
    if (held === undefined) return { decision: looking.decide(question), determining: [], closest: [] };
    const { policy: set, orgChart, manifest } = held;
    return createPolicyExplainer(looking, { set, orgChart, policyHash: manifest.policyHash }).explain(question);
  };

  /** The newest events first, until `take` wants no more. */
  const lookBack = async (events: number, take: (event: AuditEvent) => boolean): Promise<void> => {
    const head = chain.head().seq;
    for (let to = head; to > 0 && head - to < events; to -= PAGE) {
      const from = Math.max(1, to - PAGE + 1, head - events + 1);
      const page = await chain.list({ fromSeq: from, limit: to - from + 1 });
      for (const event of page.toReversed()) if (!take(event)) return;
    }
  };

  const pastOf = (event: AuditEvent): PastDecision => {
    const { id, seq, ts, action, target, result, details } = event;
    const hash = policyHashOf(bundle);
    const rules = String(details["rules"] ?? "")
      .split(",")
      .filter(Boolean);
    const [question] = pastQuestions(event, self, bundle().orgChart);
    const sameSet = details["policyHash"] === hash;
    const determining = bundle().policy.policies.filter((one) => rules.includes(one.id));
    const closest = question === undefined || rules.length > 0 || details["policy"] !== "deny" ? [] : whyOf(explain(question)).closest;
    return {
      event: { id, seq, ts, action, target, result },
      allowed: details["policy"] === "allow",
      rules,
      policyHash: String(details["policyHash"]),
      obligations: String(details["obligations"] ?? "")
        .split(",")
        .filter(Boolean),
      ...(typeof details["risk"] === "number" ? { risk: details["risk"] } : {}),
      ...(question === undefined ? {} : { asked: asView(question) }),
      sameSet,
      determining: determining.map(viewOf),
      closest,
    };
  };

  /** Whom a question is about: this agent, a person of the org chart, or anybody of a role. */
  const whoOf = (who: DaemonRequest<"policy.check">["who"]): Principal => {
    if (who === undefined) return self;
    const { orgChart } = bundle();
    if ("role" in who) {
      const seat = orgChart.find(({ role }) => role === who.role);
      return { agentId: "principal", subject: "?", role: who.role, department: seat?.department ?? "?" };
    }
    if (!orgChart.some(({ id }) => id === who.person)) throw new GaggleError("NOT_FOUND", "That person is not on the org chart.");
    return personOf(who.person, orgChart, "principal");
  };

  return {
    "policy.check": ({ action, who, targetRole, target, resource, context }) => {
      const orgChart = inForce(bundle)?.orgChart ?? [];
      const acted = orgChart.some(({ id }) => id === target) ? personOf(target, orgChart, "target") : undefined;
      const role = acted?.role ?? targetRole ?? target;
      const known = Object.fromEntries(Object.entries(context ?? {}).filter(([, value]) => value !== undefined));
      const explained = explain({
        action,
        principal: whoOf(who),
        ...(acted === undefined ? {} : { target: acted }),
        ...(role === undefined ? {} : { targetRole: role }),
        ...(resource === undefined ? {} : { resource }),
        context: known,
      });
      const { allowed, rules, reason, policyHash, risk, obligations = [] } = explained.decision;
      const told = { allowed, rules: [...rules], reason, policyHash, obligations: obligations.map(obligationWord) };
      return { ...told, ...(risk === undefined ? {} : { risk }), ...whyOf(explained) };
    },

    "policy.explain": async ({ id }) => {
      const found: PastDecision[] = [];
      await lookBack(MAX_LOOKED, (event) => {
        if (event.details["policy"] !== undefined && isAbout(event, id)) found.push(pastOf(event));
        return found.length < MAX_SHOWN;
      });
      if (found.length === 0)
        throw new GaggleError(
          "NOT_FOUND",
          "This agent's audit has no decision under that id; gaggle audit trace and gaggle outbox show ids.",
        );
      return { decisions: found, policyHash: policyHashOf(bundle) };
    },

    "policy.denials": async ({ events }) => {
      const { orgChart } = bundle();
      const denials = new Map<string, DaemonResult<"policy.denials">["denials"][number]>();
      await lookBack(events, (event) => {
        if (event.details["policy"] !== "deny") return true;
        const rules = String(event.details["rules"] ?? "")
          .split(",")
          .filter(Boolean);
        for (const question of pastQuestions(event, self, orgChart)) {
          const key = JSON.stringify(question);
          const before = denials.get(key);
          denials.set(key, { question: asView(question), lastAt: before?.lastAt ?? event.ts, count: (before?.count ?? 0) + 1, rules });
        }
        return true;
      });
      return { denials: [...denials.values()], policyHash: policyHashOf(bundle) };
    },

    "policy.asked": () => ({
      since: new Date(asked.since).toISOString(),
      policyHash: policyHashOf(bundle),
      questions: asked.all().map(({ question, decision, count, lastAt }) => ({
        question: asView(question),
        count,
        lastAt: new Date(lastAt).toISOString(),
        allowed: decision.allowed,
        rules: [...decision.rules],
        obligations: [...(decision.obligations ?? [])],
      })),
    }),
  };
}
