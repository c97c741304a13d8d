import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { decideApproval, ensureApprovalKey } from "../../../../mesh/cli/approve.ts";
import type { DaemonCalls } from "../../../../mesh/cli/mesh-commands.ts";
import type { ApprovalView } from "../../../../mesh/contract/daemon-api.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import { verifyApproval } from "../../../../mesh/identity/approval.ts";
import { readApprovalPublicKey } from "../../../../mesh/identity/approval-key.ts";
import { type CapturedOutput, captureOutput } from "../../../support/captured-output.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const PASSPHRASE = "correct horse battery";
const ORG = `org_${"a".repeat(26)}`;
const NOW_MS = Date.UTC(2026, 9, 31, 8);
const fiona = { agentId: `12D3KooW${"A".repeat(44)}`, subject: "fiona.berg", role: "finance", department: "finance" };
const PAYLOAD = { period: "2026-10", entries: [{ account: "6100", debit: "12.50" }] };

/** The approver's daemon: one approval, the decisions that came, and in which order things happened. */
class Daemon {
  view: ApprovalView = {
    kind: "approval",
    approvalId: "0190b0c8-0000-7000-8000-000000000000",
    side: "approver",
    peer: fiona,
    state: "PENDING",
    payload: PAYLOAD,
    payloadHash: canonicalHash(PAYLOAD),
    stepId: "post",
    createdAt: "2026-10-31T08:00:00.000Z",
    updatedAt: "2026-10-31T08:00:00.000Z",
    history: [],
  };
  readonly decisions: string[] = [];
  readonly order: string[] = [];
  readonly call = (async (method: string, params: { decision?: string }) => {
    this.order.push(method);
    if (method === "daemon.status") return { org: ORG, subject: "edward.lindqvist", role: "executive" };
    if (method === "approval.decide") this.decisions.push(params.decision ?? "");
    return this.view;
  }) as DaemonCalls["call"];
}

let daemon: Daemon;
let home: string;
let made: CapturedOutput;
const keyFile = (): string => join(home, "keys", "approval.json");

beforeEach(async () => {
  daemon = new Daemon();
  home = tempFolder();
  made = captureOutput(true);
  await ensureApprovalKey(made.out, seededRandom("edward"), { home, passphrase: async () => PASSPHRASE });
});

const decide = (decision: "approved" | "rejected", passphrase = PASSPHRASE, screen = captureOutput().out) => {
  const ask = async (): Promise<string> => {
    daemon.order.push("passphrase");
    return passphrase;
  };
  const request = { home, approvalId: daemon.view.approvalId, decision, reason: "Looks right.", passphrase: ask, screen };
  return decideApproval(daemon, captureOutput().out, () => NOW_MS, request);
};

describe("a person's decision", () => {
  it("is signed over exactly the payload that was opened, and counts", async () => {
    await decide("approved");
    expect(daemon.order).toEqual(["approval.open", "daemon.status", "passphrase", "approval.decide"]);
    const key = await readApprovalPublicKey(keyFile());
    if (key === undefined) throw new Error("there is no key");
    const { approvalId, payloadHash } = daemon.view;
    const statement = verifyApproval({
      jws: daemon.decisions[0] ?? "",
      roster: { approvers: [{ subject: "edward.lindqvist", role: "executive", key }], stewards: [] },
      revocations: { seq: 0, agents: [], subjects: [], keys: [] },
      expected: { org: ORG, approvalId, payloadHash, requester: fiona.agentId, requesterSubject: fiona.subject },
    });
    expect(statement).toMatchObject({ decision: "approved", reason: "Looks right.", decidedAt: new Date(NOW_MS).toISOString() });
  });

  it("names the deadline that the person saw beside what they sign, with how many have to approve", async () => {
    const deadline = "2026-11-01T08:00:00.000Z";
    daemon.view = { ...daemon.view, deadline, quorum: 2 };
    const screen = captureOutput();
    await decide("approved", PASSPHRASE, screen.out);
    const [, payload = ""] = (daemon.decisions[0] ?? "").split(".");
    expect(JSON.parse(Buffer.from(payload, "base64url").toString())).toMatchObject({ deadline });
    expect(screen.text()).toContain(`Your decision counts until ${deadline}.`);
    expect(screen.text()).toContain("2 different people have to approve");
  });

  it("is not signed where the payload does not fit its hash, nor is the passphrase asked for", async () => {
    daemon.view = { ...daemon.view, payload: { ...PAYLOAD, entries: [] } };
    await expect(decide("approved")).rejects.toMatchObject({ code: "APPROVAL_INVALID" });
    expect(daemon.order).toEqual(["approval.open"]);
  });

  it("is not signed with a wrong passphrase", async () => {
    await expect(decide("rejected", "wrong horse battery")).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
    expect(daemon.decisions).toEqual([]);
  });

  it("needs a key, and says how to make one", async () => {
    home = tempFolder();
    await expect(decide("approved")).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("gaggle approval-key") });
    expect(daemon.decisions).toEqual([]);
  });
});

describe("the approval key", () => {
  it("is made once; later it is only shown, without its secret, and no passphrase is asked for", async () => {
    const again = captureOutput(true);
    let asked = 0;
    await ensureApprovalKey(again.out, seededRandom("other"), { home, passphrase: async () => String(++asked) });
    expect(made.result()).toMatchObject({ created: true });
    expect(again.result()).toMatchObject({ created: false, key: await readApprovalPublicKey(keyFile()) });
    expect(asked).toBe(0);
    expect(again.text()).not.toContain('"d"');
  });

  it("is not made with a short passphrase", async () => {
    home = tempFolder();
    const making = ensureApprovalKey(captureOutput().out, seededRandom("x"), { home, passphrase: async () => "short" });
    await expect(making).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(await readApprovalPublicKey(keyFile())).toBeUndefined();
  });
});
