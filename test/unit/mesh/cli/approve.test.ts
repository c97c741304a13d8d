import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type Decision, decideApproval } from "../../../../mesh/cli/approve.ts";
import type { DaemonCalls } from "../../../../mesh/cli/mesh-commands.ts";
import { createOutput } from "../../../../mesh/cli/output.ts";
import type { ApprovalView } from "../../../../mesh/contract/daemon-api.ts";
import { canonicalHash, type Json } from "../../../../mesh/contract/json.ts";
import { createApprovalKey } from "../../../../mesh/identity/approval-key.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const PASSPHRASE = "correct horse battery";
const AGENT = `12D3KooW${"A".repeat(44)}`;
let home: string;
beforeEach(async () => {
  home = tempFolder();
  await createApprovalKey({ path: join(home, "keys", "approval.json"), passphrase: PASSPHRASE, random: createSeededRandom(1) });
});

/** A daemon that has one approval for the person. */
class OneApproval {
  readonly view: ApprovalView;
  constructor(payload: Json, stepId: string) {
    const peer = { agentId: AGENT, subject: "fiona.berg", role: "finance", department: "finance" };
    const at = "2026-10-31T08:00:00.000Z";
    this.view = {
      kind: "approval",
      approvalId: "01a190f9-0000-7c83-94ab-e08167a7bf22",
      side: "approver",
      peer,
      state: "PENDING",
      payload,
      payloadHash: canonicalHash(payload),
      stepId,
      createdAt: at,
      updatedAt: at,
      history: [],
    };
  }
  readonly call = ((method: string) =>
    Promise.resolve(
      method === "daemon.status"
        ? { org: `org_${"a".repeat(26)}`, subject: "edward.lindqvist", role: "executive" }
        : { ...this.view, state: method === "approval.decide" ? "APPROVED" : "PENDING" },
    )) as unknown as DaemonCalls["call"];
}

/** What a terminal got before the passphrase was asked for, with every control character. */
async function shownBefore(approval: OneApproval, json = false): Promise<string> {
  const [told, screen]: [string[], string[]] = [[], []];
  let shown = "";
  const request: Decision = {
    home,
    approvalId: approval.view.approvalId,
    decision: "approved",
    reason: "",
    screen: createOutput({ write: (text) => screen.push(text) }, false),
    passphrase: () => {
      shown = screen.join("");
      return Promise.resolve(PASSPHRASE);
    },
  };
  await decideApproval(approval, createOutput({ write: (text) => told.push(text) }, json), () => 0, request);
  if (json) expect(JSON.parse(told.join(""))).toMatchObject({ state: "APPROVED" });
  return shown;
}

describe("what a person sees before they sign", () => {
  it("is the whole payload, also where the result is told as JSON", async () => {
    for (const json of [false, true]) expect(await shownBefore(new OneApproval({ amount: 12 }, "post"), json)).toContain('"amount": 12');
  });

  it("is not what the asker's control characters make of it: a step can't hide the payload or draw another", async () => {
    const shown = await shownBefore(new OneApproval({ amount: 9_000 }, 'post:\n{ "amount": 1 }\n\u001b[8m\u009b8m'));
    for (const hidden of ["\u001b[8m", "\u009b"]) expect(shown).not.toContain(hidden);
    expect(shown).not.toContain('\n{ "amount": 1 }');
    expect(shown).toContain("\\u000a");
  });

  it("shows characters in the payload that have no look of their own, or turn the text around", async () => {
    const shown = await shownBefore(new OneApproval({ "a\u202eb": "1\u200b0\u009b8m\u2028\u{e0041}ü" }, "post"));
    expect(shown).toContain('"a\\u202eb": "1\\u200b0\\u009b8m\\u2028\\udb40\\udc41ü"');
  });
});
