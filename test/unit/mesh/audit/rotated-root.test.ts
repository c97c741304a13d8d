import { describe, expect, it } from "vitest";
import { writeExport } from "../../../../mesh/audit/export.ts";
import { verifyExport } from "../../../../mesh/audit/verify.ts";
import { signSuccession } from "../../../../mesh/identity/root-chain.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";
import { createTestOrganisation, successionOf } from "../../../support/test-organisation.ts";

const organisation = createTestOrganisation();
const next = seededSigner("the next root");
const { said, rotation } = successionOf(organisation, next);

const exported = async (trust: object): Promise<string[]> => {
  const { manifest } = organisation.sign("finance", { version: 2, nowMs: 0, root: next, trust });
  const lines: string[] = [];
  const input = { org: organisation.org, nowMs: 0, manifests: [manifest], agents: [], signer: organisation.issuer };
  for await (const line of writeExport(input)) lines.push(line);
  return lines;
};

describe("an audit export after the root key was followed by another", () => {
  it("verifies for who knows the old root or the new one", async () => {
    const lines = await exported({ rotation });
    for (const rootFingerprint of [organisation.root.thumbprint, next.thumbprint])
      expect(await verifyExport(lines, { rootFingerprint })).toMatchObject({ ok: true, rootFingerprint: next.thumbprint });
  });

  it("does not verify by a root that nothing signed by the known one leads to", async () => {
    const thief = seededSigner("thief");
    const forged = [{ old: signSuccession(said, thief), new: signSuccession(said, next) }];
    for (const trust of [{}, { rotation: forged }]) {
      const verdict = await verifyExport(await exported(trust), { rootFingerprint: organisation.root.thumbprint });
      expect(verdict.problems.map(({ code }) => code)).toContain("ROOT_MISMATCH");
    }
  });
});
