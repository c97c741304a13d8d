import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { newUuid } from "../../../../mesh/contract/ids.ts";
import { CLOCK_LEEWAY_MS, CREDENTIAL_LIFETIME_MS, ENVELOPE_LIFETIME_MS, MAX_FRAME_BYTES } from "../../../../mesh/contract/limits.ts";
import type { EnvelopeClaims } from "../../../../mesh/contract/message.ts";
import { claimedIdOf, createEnvelopeOpener, sealEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { signJws } from "../../../../mesh/identity/jws.ts";
import { verifyMembership } from "../../../../mesh/identity/membership.ts";
import { createTestMember, createTestOrg, FIXTURE_TIME_MS } from "../../../support/audit-fixture.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

const NOW = FIXTURE_TIME_MS + 60_000;

function setUp() {
  const random = createSeededRandom(5);
  const org = createTestOrg(random);
  const sender = createTestMember(org, random, { subject: "fiona.berg", role: "finance" });
  const receiver = createTestMember(org, random, { subject: "marco.diaz", role: "marketing" });
  const calls = { verify: 0, version: "1" };
  const open = createEnvelopeOpener(
    {
      verifyCredential: (jwt, agentId, nowMs) => {
        calls.verify++;
        return verifyMembership({ jwt, agentId, nowMs, manifest: org.manifest });
      },
      trustVersion: () => calls.version,
    },
    { self: receiver.principal.agentId, org: org.org },
  );
  const claims: EnvelopeClaims = {
    v: 1,
    id: newUuid(NOW, random),
    ts: NOW,
    exp: NOW + 60_000,
    org: org.org,
    from: sender.principal.agentId,
    to: receiver.principal.agentId,
    priority: "P2",
    policyHash: "a".repeat(64),
    traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
    credential: sender.credential,
    message: { type: "notification", message: "Grüße", severity: "info" },
  };
  return { random, org, sender, receiver, calls, open, claims };
}

let t: ReturnType<typeof setUp>;
beforeEach(() => {
  t = setUp();
});

const codeOf = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
};
const refusal = (change: Partial<EnvelopeClaims>, nowMs = NOW, signer = t.sender.signer): string =>
  codeOf(() => t.open(sealEnvelope({ ...t.claims, ...change }, signer), nowMs));

test("a sealed envelope opens to its claims and the sender's membership", () => {
  const { claims, member } = t.open(sealEnvelope(t.claims, t.sender.signer), NOW);
  expect(claims).toEqual(t.claims);
  expect(member).toMatchObject({ sub: "fiona.berg", role: "finance" });
});

describe("an envelope is refused that", () => {
  test("another agent signed", () => expect(refusal({}, NOW, t.receiver.signer)).toBe("ENVELOPE_INVALID"));
  test("is for another agent", () =>
    expect(refusal({ to: createTestMember(t.org, t.random, { subject: "x", role: "x" }).principal.agentId })).toBe("ENVELOPE_INVALID"));
  test("is of another organisation", () => expect(refusal({ org: `org_${"b".repeat(26)}` })).toBe("ENVELOPE_INVALID"));
  test("names the receiver itself as its sender", () =>
    expect(refusal({ from: t.receiver.principal.agentId }, NOW, t.receiver.signer)).toBe("ENVELOPE_INVALID"));
  test("has expired", () => expect(refusal({}, NOW + 60_000)).toBe("ENVELOPE_EXPIRED"));
  test("lives too long, or ends before it begins", () => {
    expect(refusal({ exp: NOW + ENVELOPE_LIFETIME_MS + 1 })).toBe("ENVELOPE_INVALID");
    expect(refusal({ exp: NOW })).toBe("ENVELOPE_INVALID");
  });
  test("is from the future by more than the leeway", () => {
    expect(refusal({}, NOW - CLOCK_LEEWAY_MS)).toBe("none");
    expect(refusal({}, NOW - CLOCK_LEEWAY_MS - 1)).toBe("CLOCK_SKEW");
  });
  test("carries another member's credential, or none", () => {
    expect(refusal({ credential: t.receiver.credential })).toBe("CREDENTIAL_INVALID");
    expect(refusal({ credential: "" })).toBe("CREDENTIAL_INVALID");
  });
  test("carries an expired credential", () => {
    const late = FIXTURE_TIME_MS + CREDENTIAL_LIFETIME_MS + CLOCK_LEEWAY_MS + 1_000;
    expect(refusal({ ts: late, exp: late + 1_000 }, late)).toBe("CREDENTIAL_EXPIRED");
  });
  test("was signed as something else", () => {
    const frame = Buffer.from(signJws({ typ: "gaggle-head+jws", payload: t.claims, signer: t.sender.signer }));
    expect(codeOf(() => t.open(frame, NOW))).toBe("ENVELOPE_INVALID");
  });
  test("is larger than a frame, or nested without end", () => {
    expect(codeOf(() => t.open(new Uint8Array(MAX_FRAME_BYTES + 1), NOW))).toBe("TOO_LARGE");
    const deep = JSON.stringify({ ...t.claims, message: "DEEP" }).replace('"DEEP"', `${"[".repeat(200_000)}${"]".repeat(200_000)}`);
    const head = Buffer.from('{"alg":"EdDSA","kid":"x","typ":"gaggle-envelope+jws"}').toString("base64url");
    expect(codeOf(() => t.open(Buffer.from(`${head}.${Buffer.from(deep).toString("base64url")}.AA`), NOW))).toBe("ENVELOPE_INVALID");
  });
});

test("a credential is verified once, and again after trust changed or when it has expired", () => {
  const frame = sealEnvelope({ ...t.claims, exp: NOW + ENVELOPE_LIFETIME_MS }, t.sender.signer);
  t.open(frame, NOW);
  t.open(frame, NOW + 1);
  expect(t.calls.verify).toBe(1);
  t.calls.version = "2";
  t.open(frame, NOW + 2);
  expect(t.calls.verify).toBe(2);
  expect(codeOf(() => t.open(frame, NOW + CREDENTIAL_LIFETIME_MS + CLOCK_LEEWAY_MS))).toBe("CREDENTIAL_EXPIRED");
});

test("no mutation of a frame opens, and each is refused with a code", () => {
  const frame = Buffer.from(sealEnvelope(t.claims, t.sender.signer));
  const other = Buffer.from(
    sealEnvelope({ ...t.claims, to: t.sender.principal.agentId, from: t.receiver.principal.agentId }, t.receiver.signer),
  );
  const position = fc.nat(frame.length - 1);
  const mutation = fc.oneof(
    fc.tuple(position, fc.integer({ min: 1, max: 255 })).map(([at, by]) => frame.map((byte, i) => (i === at ? byte ^ by : byte))),
    fc
      .tuple(position, fc.uint8Array({ minLength: 1, maxLength: 8 }))
      .map(([at, extra]) => Buffer.concat([frame.subarray(0, at), extra, frame.subarray(at)])),
    fc
      .tuple(position, fc.integer({ min: 1, max: 40 }))
      .map(([at, count]) => Buffer.concat([frame.subarray(0, at), frame.subarray(at + count)])),
    position.map((at) => Buffer.concat([frame.subarray(0, at), other.subarray(at)])),
    position.map((at) => frame.subarray(0, at)),
    fc.uint8Array({ maxLength: 2_000 }),
  );
  fc.assert(
    fc.property(mutation, (bytes) => {
      fc.pre(!frame.equals(bytes));
      expect(["ENVELOPE_INVALID", "TOO_LARGE"]).toContain(codeOf(() => t.open(bytes, NOW)));
      const claimed = claimedIdOf(bytes);
      expect(claimed === undefined || /^[0-9a-f-]{36}$/i.test(claimed)).toBe(true);
    }),
    { seed: 20_261_031, numRuns: 5_000 },
  );
});
