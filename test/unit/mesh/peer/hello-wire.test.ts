import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLOCK_LEEWAY_MS } from "../../../../mesh/contract/limits.ts";
import { judgeHello, ownHello, readHelloMessage, refusedWith } from "../../../../mesh/peer/hello-wire.ts";
import { createTestOrganisation } from "../../../support/peer-world.ts";

const organisation = createTestOrganisation("northwind");
const fiona = organisation.member("fiona.berg");
const { membership } = organisation.member("marco.diaz");
const now = Date.now();
const said = ownHello(organisation.org, fiona.membership, ["/ip4/192.0.2.1/tcp/4001"], now);
const own = { org: organisation.org, membership, now };

describe("a hello", () => {
  it("is believed from the peer to whose key its credential is bound", () => {
    expect(judgeHello(said, fiona.agentId, own).principal.subject).toBe("fiona.berg");
  });

  it("is not believed from another peer", () => {
    const other = organisation.member("marco.diaz").agentId;
    expect(() => judgeHello(said, other, own)).toThrow(expect.objectContaining({ code: "CREDENTIAL_INVALID" }));
  });

  it("is not believed where the membership check names another agent than it was asked about", () => {
    const careless = { ...membership, verify: () => ({ agentId: "12D3Koo", subject: "x", role: "x", department: "x" }) };
    expect(() => judgeHello(said, fiona.agentId, { ...own, membership: careless })).toThrow(
      expect.objectContaining({ code: "CREDENTIAL_INVALID" }),
    );
  });

  it("of another organisation is not believed", () => {
    const { org } = createTestOrganisation("contoso");
    expect(() => judgeHello({ ...said, org }, fiona.agentId, own)).toThrow(expect.objectContaining({ code: "NOT_A_MEMBER" }));
  });

  it.each([-1, 1])("is believed at the edge of the clocks' leeway and not beyond it (%i)", (direction) => {
    const edge = { ...said, time: now + direction * CLOCK_LEEWAY_MS };
    expect(judgeHello(edge, fiona.agentId, own).time).toBe(edge.time);
    expect(() => judgeHello({ ...edge, time: edge.time + direction }, fiona.agentId, own)).toThrow(
      expect.objectContaining({ code: "CLOCK_SKEW" }),
    );
  });

  it("is read only in its exact shape, and anything else is invalid input", () => {
    expect(readHelloMessage(Buffer.from(JSON.stringify(said)))).toEqual(said);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(() => readHelloMessage(bytes)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
        },
      ),
    );
    expect(() => readHelloMessage(Buffer.from(JSON.stringify({ ...said, more: 1 })))).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT" }),
    );
  });
});

describe("a peer's refusal", () => {
  it("becomes our error of its code, and NOT_A_MEMBER where the code is unknown", () => {
    expect(refusedWith("REVOKED").code).toBe("REVOKED");
    expect(refusedWith("whatever").code).toBe("NOT_A_MEMBER");
    expect(refusedWith("toString").code).toBe("NOT_A_MEMBER");
  });
});
