import { describe, expect, it } from "vitest";
import { CLOCK_LEEWAY_MS } from "../../../../mesh/contract/limits.ts";
import { createKnownPeers, type KnownPeers, type PeerRecord } from "../../../../mesh/peer/known-peers.ts";
import { createTestOrganisation } from "../../../support/peer-world.ts";
import { createRealClock } from "../../../support/real-clock.ts";

const organisation = createTestOrganisation("northwind");
const fiona = organisation.member("fiona.berg", { issuedMs: Date.now() - 60_000 });
const { membership } = organisation.member("marco.diaz");
const create = (): KnownPeers => createKnownPeers({ verify: (jwt, id) => membership.verify(jwt, id), clock: createRealClock() });
const seenAt = Date.now() - 1_000;
const record: PeerRecord = {
  agentId: fiona.agentId,
  addresses: ["/ip4/192.0.2.1/tcp/4001"],
  credential: fiona.membership.credential(),
  seenAt,
};
const renewed = organisation.issue(fiona.agentId, { subject: "fiona.berg" });

describe("known peers", () => {
  it("take the addresses that were stated last and the credential that was issued last, whoever brings them", () => {
    const known = create();
    expect(known.merge(record)).toEqual({ added: true, moved: true });
    expect(known.merge({ ...record, addresses: ["/ip4/192.0.2.9/tcp/4009"], seenAt: seenAt - 1 })).toEqual({ added: false, moved: false });
    expect(known.merge({ ...record, addresses: ["/ip4/192.0.2.2/tcp/4002"], seenAt: seenAt + 1 })).toEqual({ added: false, moved: true });
    known.merge({ ...record, credential: renewed, seenAt: seenAt - 1 });
    known.merge({ ...record });
    expect(known.get(fiona.agentId)).toEqual({
      agentId: fiona.agentId,
      addresses: ["/ip4/192.0.2.2/tcp/4002"],
      credential: renewed,
      seenAt: seenAt + 1,
    });
  });

  it("keep out a record whose credential does not verify or belongs to another agent", () => {
    const other = organisation.member("hanna.okoye");
    expect(() => create().merge({ ...record, credential: "a.b.c" })).toThrow(expect.objectContaining({ code: "CREDENTIAL_INVALID" }));
    expect(() => create().merge({ ...record, agentId: other.agentId })).toThrow(expect.objectContaining({ code: "CREDENTIAL_INVALID" }));
  });

  it("keep out a record from the future, which nothing could replace", () => {
    const future = { ...record, seenAt: Date.now() + CLOCK_LEEWAY_MS + 60_000 };
    expect(() => create().merge(future)).toThrow(expect.objectContaining({ code: "CLOCK_SKEW" }));
  });

  it("have one digest for the same knowledge in whatever order it came", () => {
    const hanna = organisation.member("hanna.okoye");
    const second = { ...record, statement: "s2", agentId: hanna.agentId, credential: hanna.membership.credential() };
    const [one, other] = [create(), create()];
    one.merge({ ...record, statement: "s1" });
    const before = one.digest();
    one.merge(second);
    other.merge(second);
    other.merge({ ...record, statement: "s1" });
    expect(one.digest()).toBe(other.digest());
    expect(one.digest()).not.toBe(before);
    expect(one.shared()).toHaveLength(2);
  });

  it("lose those whose credential no longer holds, and say who and why", () => {
    const passing = createTestOrganisation("passing");
    const leaver = passing.member("leaver");
    const known = createKnownPeers({ verify: (jwt, id) => leaver.membership.verify(jwt, id), clock: createRealClock() });
    known.merge({ ...record, agentId: leaver.agentId, credential: leaver.membership.credential() });
    passing.revoke(leaver.agentId);
    expect(known.recheck()).toMatchObject([{ agentId: leaver.agentId, error: { code: "REVOKED" } }]);
    expect(known.all()).toEqual([]);
  });
});
