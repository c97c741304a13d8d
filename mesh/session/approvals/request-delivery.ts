/** What the delivery of a request for an approval means for it. */
import { GaggleError } from "../../contract/errors.ts";
import type { PolicyDecision, Transaction } from "../../contract/ports.ts";
import { type ApprovalRecord, type AskedPerson, readApproval } from "../approval-record.ts";
import type { SessionDeps } from "../ports.ts";
import type { ApprovalSteps } from "./approval-steps.ts";
import { requestQuestion, type RequesterSteps } from "./requester-steps.ts";
import { askedOf, isTooLate, noteApproval, withPerson } from "./votes.ts";

/** What following a request needs. */
export interface RequestDeliveryDeps extends Pick<SessionDeps, "policy" | "self"> {
  readonly steps: Pick<ApprovalSteps, "save">;
  readonly requester: Pick<RequesterSteps, "lost">;
}

/** Makes it. */
export function createRequestDelivery(deps: RequestDeliveryDeps) {
  const { save } = deps.steps;

  const personOf = (record: ApprovalRecord | undefined, agentId: string): AskedPerson | undefined =>
    record && askedOf(record).find(({ to }) => to.agentId === agentId);

  /** A request got as far as `delivery`, where it was one of `from` before. */
  const got = (
    tx: Transaction,
    { approvalId, agentId }: RequestTo,
    delivery: AskedPerson["delivery"],
    from: readonly AskedPerson["delivery"][],
  ): void => {
    const record = readApproval(tx, "requester", approvalId);
    const person = personOf(record, agentId);
    if (record !== undefined && person !== undefined && from.includes(person.delivery)) save(tx, withPerson(record, agentId, { delivery }));
  };

  const lose = (tx: Transaction, { approvalId, agentId }: RequestTo, reason: string): void => {
    const record = readApproval(tx, "requester", approvalId);
    const person = personOf(record, agentId);
    if (record?.state !== "PENDING" || person === undefined || person.delivery === "stored") return;
    deps.requester.lost(tx, withPerson(record, agentId, { delivery: "dead" }), person, reason);
  };

  return {
    /** The request waits, sealed, on the bootstrap node. */
    onDeposited: (tx: Transaction, request: RequestTo): void => got(tx, request, "deposited", ["queued"]),

    /** The approver's disk has the request. */
    onDelivered: (tx: Transaction, request: RequestTo): void => got(tx, request, "stored", ["queued", "deposited"]),

    /** The request can't be delivered. */
    onDead: (tx: Transaction, request: RequestTo, failure: { code: string; reason: string }): void =>
      lose(tx, request, `${failure.code}: ${failure.reason}`),

    /** The request was taken out before it was ever sent. */
    onWithdrawn: (tx: Transaction, request: RequestTo): void => lose(tx, request, "withdrawn before it was sent"),

    /** A person sends a dead request again. Policy is asked again; what it denies stays as it is. @throws GaggleError STATE_CONFLICT */
    onRetry(tx: Transaction, { approvalId, agentId }: RequestTo): PolicyDecision {
      const record = readApproval(tx, "requester", approvalId);
      const person = personOf(record, agentId);
      const isOpen = record?.state === "PENDING" || (record?.state === "FAILED" && record.delivery === "dead");
      if (record === undefined || person?.delivery !== "dead" || !isOpen || isTooLate(record, tx.now)) {
        throw new GaggleError("STATE_CONFLICT", "This approval has ended for another reason than its delivery; ask for a new one instead.");
      }
      const attended = requestQuestion(deps.self, record, person.to);
      const decision = deps.policy.decide({ ...attended, context: { ...attended.context, unattended: false } });
      if (!decision.allowed) return decision;
      const { reason: _, ...kept } = withPerson(record, agentId, { delivery: "queued" });
      save(tx, noteApproval({ ...kept, state: "PENDING" }, tx.now, "sent again"));
      return decision;
    },
  };
}

/** One request: of which approval, to which agent. */
export interface RequestTo {
  readonly approvalId: string;
  readonly agentId: string;
}
