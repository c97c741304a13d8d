import { verify as verifySignature } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type AgentCard, CARD_EXTENSION } from "../../../../mesh/contract/agent-card.ts";
import { canonicalJson } from "../../../../mesh/contract/json.ts";
import { CARD_LIFETIME_MS, CREDENTIAL_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import { factsOf, readCard, signCard, verifyCard } from "../../../../mesh/directory/signed-card.ts";

import { publicKeyObject } from "../../../../mesh/identity/keys.ts";
import { issueMembership, verifyMembership } from "../../../../mesh/identity/membership.ts";
import { createTestMember, createTestOrg, FIXTURE_TIME_MS, type TestMember } from "../../../support/audit-fixture.ts";
import { contentFor, recipeSkill } from "../../../support/card-world.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

const random = createSeededRandom(7);
const org = createTestOrg(random);
const FIONA = createTestMember(org, random, { subject: "fiona.berg", role: "finance" });
const MARCO = createTestMember(org, random, { subject: "marco.diaz", role: "marketing" });

const DAY_MS = 86_400_000;
const times = { seq: 3, state: "active" as const, issuedAt: FIXTURE_TIME_MS, expiresAt: FIXTURE_TIME_MS + DAY_MS };

const cardOf = (member: TestMember, facts: object = {}, signer = member.signer): AgentCard => {
  const content = contentFor(org.org, member, {}, [recipeSkill("close"), { ...recipeSkill("ledger"), tags: ["extension", "post_close"] }]);
  return signCard({ ...content, facts: { ...content.facts, ...times, ...facts } }, signer);
};

const check = (card: AgentCard, nowMs = FIXTURE_TIME_MS, trust = org.manifest) =>
  verifyCard(card, {
    org: org.org,
    nowMs,
    verify: (jwt, agentId, atMs) => verifyMembership({ jwt, agentId, nowMs: atMs, manifest: trust }),
  });

const changed = (card: AgentCard, change: (copy: AgentCard) => unknown): AgentCard => {
  const copy = structuredClone(card);
  change(copy);
  return copy;
};

const code = (run: () => unknown): string => {
  try {
    run();
    return "counted";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("an agent card", () => {
  it("has the required fields of A2A 1.0 and says the rest in one extension", () => {
    const card = cardOf(FIONA);
    expect(Object.keys(card).sort()).toEqual(
      [
        "name",
        "description",
        "version",
        "supportedInterfaces",
        "capabilities",
        "defaultInputModes",
        "defaultOutputModes",
        "skills",
        "signatures",
      ].sort(),
    );
    expect(card.capabilities.extensions[0]).toMatchObject({ uri: CARD_EXTENSION, required: false });
    expect(card.skills[0]).toEqual({ id: "close", name: "close", description: "Does close.", tags: ["recipe"] });
  });

  it("is signed as A2A 1.0 wants it: a detached JWS over the RFC 8785 form without signatures", () => {
    const { signatures, ...unsigned } = cardOf(FIONA);
    const [{ protected: head, signature }] = signatures;
    expect(JSON.parse(Buffer.from(head, "base64url").toString())).toEqual({ alg: "EdDSA", typ: "JOSE", kid: FIONA.signer.thumbprint });
    const signed = Buffer.from(`${head}.${Buffer.from(canonicalJson(unsigned)).toString("base64url")}`);
    expect(verifySignature(null, signed, publicKeyObject(FIONA.signer.publicJwk), Buffer.from(signature, "base64url"))).toBe(true);
  });

  it("counts after any JSON round trip, with the skills that a recipe carries out", () => {
    const { principal, skills } = check(readCard(JSON.parse(JSON.stringify(cardOf(FIONA)))));
    expect(principal).toEqual(FIONA.principal);
    expect(skills).toEqual([{ id: "close", description: "Does close." }]);
  });

  it("that a newer version has said more in still counts", () => {
    const content = contentFor(org.org, FIONA);
    const facts = { ...content.facts, ...times, mood: "good" };
    const card = signCard({ ...content, facts }, FIONA.signer);
    expect(check(card).facts).toMatchObject({ mood: "good" });
  });

  it("does not count where anything in it was changed", () => {
    const card = cardOf(FIONA);
    const changes: ((copy: AgentCard) => unknown)[] = [
      (copy) => Object.assign(copy, { description: "Chief of everything" }),
      (copy) => copy.skills.pop(),
      (copy) => Object.assign(factsOf(copy), { seq: 4 }),
      (copy) => Object.assign(factsOf(copy), { role: "executive" }),
      (copy) => Object.assign(factsOf(copy), { concurrency: 16 }),
      (copy) => Object.assign(copy, { iconUrl: "https://example.org/x.png" }),
      (copy) => Object.assign(copy.signatures[0], { signature: cardOf(MARCO).signatures[0].signature }),
    ];
    for (const change of changes) expect(code(() => check(changed(card, change)))).toBe("CREDENTIAL_INVALID");
  });

  it("does not count under another agent's signature, credential or place", () => {
    expect(code(() => check(cardOf(FIONA, {}, MARCO.signer)))).toBe("CREDENTIAL_INVALID");
    expect(code(() => check(cardOf(FIONA, { credential: MARCO.credential })))).toBe("CREDENTIAL_INVALID");
    expect(code(() => check(cardOf(FIONA, { role: "executive" })))).toBe("CREDENTIAL_INVALID");
    expect(code(() => check(cardOf(FIONA, { org: createTestOrg(createSeededRandom(8)).org })))).toBe("NOT_A_MEMBER");
  });

  it("does not count before its time, after it, or with a longer life than allowed", () => {
    const card = cardOf(FIONA);
    expect(code(() => check(card, FIXTURE_TIME_MS + DAY_MS))).toBe("CREDENTIAL_EXPIRED");
    expect(code(() => check(card, FIXTURE_TIME_MS - 600_000))).toBe("CLOCK_SKEW");
    expect(code(() => check(cardOf(FIONA, { expiresAt: FIXTURE_TIME_MS + CARD_LIFETIME_MS + 1 })))).toBe("CREDENTIAL_INVALID");
  });

  it("counts while its agent is off and its credential has run out, but not where it was signed after that", () => {
    const card = cardOf(FIONA, { expiresAt: FIXTURE_TIME_MS + 20 * DAY_MS });
    expect(code(() => check(card, FIXTURE_TIME_MS + 10 * DAY_MS))).toBe("counted");
    const late = FIXTURE_TIME_MS + CREDENTIAL_LIFETIME_MS + 600_000;
    expect(code(() => check(cardOf(FIONA, { issuedAt: late, expiresAt: late + DAY_MS }), late))).toBe("CREDENTIAL_EXPIRED");
  });

  it("of a revoked agent never counts, whenever it was signed", () => {
    const trust = { ...org.manifest, revocations: { ...org.manifest.revocations, subjects: ["fiona.berg"] } };
    expect(code(() => check(cardOf(FIONA), FIXTURE_TIME_MS, trust))).toBe("REVOKED");
  });

  it("with a credential of an issuer that the bundle does not name does not count", () => {
    const stranger = createTestOrg(createSeededRandom(9)).issuer;
    const member = { ...FIONA.principal, seal: { kty: "OKP", crv: "X25519", x: FIONA.keys.seal.x } as const };
    const credential = issueMembership({ org: org.org, member, signer: stranger, nowMs: FIXTURE_TIME_MS, random });
    expect(code(() => check(cardOf(FIONA, { credential })))).toBe("CREDENTIAL_INVALID");
  });

  it("that is malformed or larger than allowed is not read", () => {
    expect(code(() => readCard({}))).toBe("CREDENTIAL_INVALID");
    expect(code(() => readCard({ ...cardOf(FIONA), padding: "x".repeat(30_000) }))).toBe("TOO_LARGE");
  });
});
