import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import { newUuid } from "../../../../mesh/contract/ids.ts";
import type { ApprovalStatement } from "../../../../mesh/contract/message.ts";
import type { Signer } from "../../../../mesh/contract/ports.ts";
import { signApproval, verifyApproval } from "../../../../mesh/identity/approval.ts";
import { createApprovalKey, readApprovalPublicKey, unlockApprovalKey } from "../../../../mesh/identity/approval-key.ts";
import { signJws } from "../../../../mesh/identity/jws.ts";
import { agentIdOf, thumbprintOf } from "../../../../mesh/identity/keys.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";

const NOW = Date.parse("2026-11-02T08:00:00Z");
const passphrase = "quiet lantern over snow";
const org = orgIdOf(seededSigner("root").thumbprint);
const requester = agentIdOf(seededSigner("fiona").publicJwk);
const approver = { subject: "edward.lindqvist", role: "executive" };
const expected = {
  org,
  approvalId: newUuid(NOW, seededRandom("approval")),
  requester,
  requesterSubject: "fiona.berg",
  payloadHash: canonicalHash({ entries: 12 }),
};
const statement: ApprovalStatement = {
  v: 1,
  org,
  approvalId: expected.approvalId,
  requester,
  payloadHash: expected.payloadHash,
  decision: "approved",
  reason: "",
  approver,
  decidedAt: new Date(NOW).toISOString(),
};
const none = { seq: 0, agents: [], subjects: [], keys: [] };
const code = (name: string) => expect.objectContaining({ code: name });

describe("approval keys", () => {
  let dir: string;
  let path: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "gaggle-approval-"));
    path = join(dir, "keys", "approval.json");
    await createApprovalKey({ path, passphrase, random: seededRandom("approval") });
  });
  afterAll(() => rm(dir, { recursive: true }));

  it("are unlocked by their passphrase, and sign", async () => {
    const signer = await unlockApprovalKey({ path, passphrase });
    expect(signer.publicJwk).toEqual(await readApprovalPublicKey(path));
  });

  it("stay locked with a wrong passphrase, and the error says so", async () => {
    await expect(unlockApprovalKey({ path, passphrase: `${passphrase}!` })).rejects.toThrow(
      expect.objectContaining({ code: "CREDENTIAL_INVALID", message: expect.stringContaining("passphrase is wrong") }),
    );
  });

  it("are not in the file in clear", async () => {
    const file = await readFile(path, "utf8");
    expect(Object.keys(JSON.parse(file))).toEqual(["v", "kind", "public", "kdf", "cipher", "secret"]);
    expect(file).not.toContain('"d"');
  });

  it("stay locked where the file names another public key", async () => {
    const file = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    const swapped = join(dir, "keys", "swapped.json");
    await writeFile(swapped, JSON.stringify({ ...file, public: seededSigner("thief").publicJwk }), { mode: 0o600 });
    await expect(unlockApprovalKey({ path: swapped, passphrase })).rejects.toThrow(code("CREDENTIAL_INVALID"));
  });

  it("are not made twice, nor with a short passphrase", async () => {
    await expect(createApprovalKey({ path, passphrase, random: seededRandom("again") })).rejects.toThrow(code("CONFLICT"));
    const elsewhere = join(dir, "keys", "short.json");
    await expect(createApprovalKey({ path: elsewhere, passphrase: "short", random: seededRandom("s") })).rejects.toThrow(
      code("INVALID_INPUT"),
    );
    expect(await readApprovalPublicKey(elsewhere)).toBeUndefined();
  });
});

describe("signed approvals", () => {
  const signer = seededSigner("approval key");
  const roster = { approvers: [{ ...approver, key: signer.publicJwk }], stewards: [] };
  const sign = (change: Partial<ApprovalStatement> = {}, by: Signer = signer): string =>
    signApproval({ statement: { ...statement, ...change }, signer: by });
  const check = (jws: string, change: Partial<Parameters<typeof verifyApproval>[0]> = {}): ApprovalStatement =>
    verifyApproval({ jws, roster, revocations: none, expected, ...change });

  it("count from the rostered key of that person and role, for exactly this request", () => {
    expect(check(sign())).toEqual(statement);
    expect(check(sign({ decision: "rejected", reason: "Accruals are missing." })).decision).toBe("rejected");
  });

  it("do not count from a key that is not on the roster", () => {
    expect(() => check(sign({}, seededSigner("thief")))).toThrow(code("APPROVAL_INVALID"));
    expect(() => check(sign(), { roster: { approvers: [], stewards: [] } })).toThrow(code("APPROVAL_INVALID"));
  });

  it.each([
    ["person", { approver: { subject: "amelie.garnier", role: "executive" } }],
    ["role", { approver: { subject: "edward.lindqvist", role: "finance" } }],
    ["organisation", { org: orgIdOf(seededSigner("elsewhere").thumbprint) }],
    ["approval", { approvalId: newUuid(NOW, seededRandom("another")) }],
    ["requester", { requester: agentIdOf(seededSigner("marco").publicJwk) }],
    ["payload", { payloadHash: canonicalHash({ entries: 13 }) }],
  ])("do not count for another %s", (_, change) => {
    expect(() => check(sign(change))).toThrow(code("APPROVAL_INVALID"));
  });

  it("do not count from the person who asked", () => {
    expect(() => check(sign(), { expected: { ...expected, requesterSubject: approver.subject } })).toThrow(code("APPROVAL_INVALID"));
  });

  it("do not count once the key or the person is revoked", () => {
    expect(() => check(sign(), { revocations: { ...none, keys: [thumbprintOf(signer.publicJwk)] } })).toThrow(code("REVOKED"));
    expect(() => check(sign(), { revocations: { ...none, subjects: [approver.subject] } })).toThrow(code("REVOKED"));
  });

  it("of another kind, or altered, do not count", () => {
    expect(() => check(signJws({ typ: "gaggle-head+jws", payload: statement, signer }))).toThrow(code("APPROVAL_INVALID"));
    const [head, , mac] = sign({ decision: "rejected" }).split(".");
    const [, body] = sign().split(".");
    expect(() => check(`${head}.${body}.${mac}`)).toThrow(code("APPROVAL_INVALID"));
  });
});
