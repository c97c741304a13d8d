/** `gaggle approve` and `gaggle reject`: a person sees what is asked, unlocks the approval key, and signs. The daemon never has the key. */
import { join } from "node:path";
import { ensureHomeKeys } from "../agent/become-member.ts";
import type { ApprovalView } from "../contract/daemon-api.ts";
import { GaggleError } from "../contract/errors.ts";
import { canonicalHash } from "../contract/json.ts";
import type { Random } from "../contract/ports.ts";
import { signApproval } from "../identity/approval.ts";
import { createApprovalKey, readApprovalPublicKey, unlockApprovalKey } from "../identity/approval-key.ts";
import { thumbprintOf } from "../identity/keys.ts";
import type { DaemonCalls } from "./mesh-commands.ts";
import { asSeen, jsonAsSeen, type Output, paint } from "./output.ts";

/** Where an agent's home keeps its person's approval key. */
const approvalKeyPath = (home: string): string => join(home, "keys", "approval.json");

/** A person's decision on an approval. `passphrase` is asked for only after the payload was shown. */
export interface Decision {
  readonly home: string;
  readonly approvalId: string;
  readonly decision: "approved" | "rejected";
  readonly reason: string;
  /** Where the person sees what they sign, where `--json` makes the command's output silent. Default: that output. */
  readonly screen?: Output;
  passphrase(): Promise<string>;
}

/** Shows the payload, then signs the decision over its hash and hands it to the daemon. Returns the approval as recorded. */
export async function decideApproval(daemon: DaemonCalls, out: Output, nowMs: () => number, request: Decision): Promise<ApprovalView> {
  const view = await daemon.call("approval.open", { approvalId: request.approvalId });
  showApproval(request.screen ?? out, view);
  // The person must sign what they saw, not what the daemon says its hash is.
  if (canonicalHash(view.payload) !== view.payloadHash) {
    throw new GaggleError("APPROVAL_INVALID", "The payload does not fit its hash; nothing was signed. Ask the requester to send it again.");
  }
  const me = await daemon.call("daemon.status", {});
  const signer = await unlockApprovalKey({ path: approvalKeyPath(request.home), passphrase: await request.passphrase() });
  const decision = signApproval({
    signer,
    statement: {
      v: 1,
      org: me.org,
      approvalId: view.approvalId,
      requester: view.peer.agentId,
      payloadHash: view.payloadHash,
      decision: request.decision,
      reason: request.reason,
      approver: { subject: me.subject, role: me.role },
      decidedAt: new Date(nowMs()).toISOString(),
      ...(view.deadline === undefined ? {} : { deadline: view.deadline }),
    },
  });
  const recorded = await daemon.call("approval.decide", { approvalId: view.approvalId, decision });
  out.result(recorded);
  out.line(`${request.decision === "approved" ? paint.good("Approved") : paint.bad("Rejected")} and signed by key ${signer.thumbprint}.`);
  return recorded;
}

/** What the person decides on. The asker wrote it, so nothing of it may act on the terminal. */
function showApproval(out: Output, view: ApprovalView): void {
  out.line(
    `${paint.strong(`${view.peer.subject} (${view.peer.role})`)} asks for your approval${view.stepId === undefined ? "" : ` of step ${asSeen(view.stepId)}`}:`,
  );
  out.line(jsonAsSeen(view.payload));
  out.line(paint.dim(`payload sha256 ${view.payloadHash}`));
  if (view.quorum !== undefined) out.line(`${view.quorum} different people have to approve; one rejection ends it.`);
  if (view.deadline !== undefined) out.line(`Your decision counts until ${view.deadline}.`);
}

/** `gaggle approval-key`: makes the person's approval key, or shows the public part that an admin puts on the roster. */
export async function ensureApprovalKey(
  out: Output,
  random: Random,
  request: { home: string; passphrase(): Promise<string> },
): Promise<void> {
  const path = approvalKeyPath(request.home);
  const { agentId: agent } = await ensureHomeKeys(request.home, { random });
  const existing = await readApprovalPublicKey(path);
  const key = existing ?? (await createApprovalKey({ path, passphrase: await request.passphrase(), random }));
  out.result({ key, thumbprint: thumbprintOf(key), agent, created: existing === undefined });
  out.line(
    existing === undefined
      ? "Made your approval key. It opens with your passphrase alone; nobody can recover it."
      : "You have an approval key.",
  );
  out.line(
    `Ask an admin to put it on the roster:\n  gaggle org approver --subject YOU --role ROLE --agent ${agent} --key '${JSON.stringify(key)}'`,
  );
}
