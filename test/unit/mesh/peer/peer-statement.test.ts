import { describe, expect, it } from "vitest";
import { CLOCK_LEEWAY_MS } from "../../../../mesh/contract/limits.ts";
import { agentIdOf, createSigner, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import { createKnownPeers, recordOf } from "../../../../mesh/peer/known-peers.ts";
import { createOwnStatement, readStatement, signStatement, STATEMENT_LIFETIME_MS } from "../../../../mesh/peer/peer-statement.ts";
import { createTestOrganisation, keyOf } from "../../../support/peer-world.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const organisation = createTestOrganisation("northwind");
const { org } = organisation;
const now = Date.now();
const signer = createSigner(keyOf("fiona.berg"));
const agent = agentIdOf(publicJwkOf(keyOf("fiona.berg")));
const HOME = ["/ip4/192.0.2.1/tcp/4001"];
const statement = signStatement({ org, agent, signer, addresses: HOME, seq: now });
const expected = { org, agent, now };
const code = (name: string) => expect.objectContaining({ code: name });

describe("a statement of addresses", () => {
  it("is believed from the agent that signed it", () => {
    expect(readStatement(statement, expected)).toEqual({ addresses: HOME, seq: now });
  });

  it("is refused where another member signed it, even with its own key for the other's name", () => {
    const liar = createSigner(keyOf("marco.diaz"));
    const lie = signStatement({ org, agent, signer: liar, addresses: ["/ip4/203.0.113.9/tcp/4001"], seq: now });
    expect(() => readStatement(lie, expected)).toThrow(code("CREDENTIAL_INVALID"));
    const marco = agentIdOf(publicJwkOf(keyOf("marco.diaz")));
    expect(() => readStatement(statement, { ...expected, agent: marco })).toThrow(code("CREDENTIAL_INVALID"));
  });

  it("is refused where it is of another organisation or was altered", () => {
    expect(() => readStatement(statement, { ...expected, org: "org_abcdefghijklmnopabcdefghij" })).toThrow(code("CREDENTIAL_INVALID"));
    const [head, , signature] = statement.split(".");
    const payload = Buffer.from(JSON.stringify({ v: 1, org, agent, addresses: ["/ip4/203.0.113.9/tcp/4001"], seq: now })).toString(
      "base64url",
    );
    expect(() => readStatement([head, payload, signature].join("."), expected)).toThrow(code("CREDENTIAL_INVALID"));
  });

  it("is refused from the future, where nothing could replace it, and when it is too old", () => {
    expect(() => readStatement(statement, { ...expected, now: now - CLOCK_LEEWAY_MS - 1 })).toThrow(code("CLOCK_SKEW"));
    const late = now + STATEMENT_LIFETIME_MS + CLOCK_LEEWAY_MS;
    expect(readStatement(statement, { ...expected, now: late }).seq).toBe(now);
    expect(() => readStatement(statement, { ...expected, now: late + 1 })).toThrow(code("CREDENTIAL_EXPIRED"));
  });

  it("is made anew only where addresses or credential changed, always with a higher number, also when the clock went back", () => {
    const clock = createVirtualClock(now);
    const state = createOwnStatement({ org, agent, signer, now: clock.now });
    const first = state(HOME, "credential 1");
    expect(state(HOME, "credential 1")).toEqual(first);
    clock.jump(-60_000);
    const moved = state(["/ip4/192.0.2.2/tcp/4001"], "credential 1");
    expect(moved.seq).toBe(first.seq + 1);
    expect(state(["/ip4/192.0.2.2/tcp/4001"], "credential 2").seq).toBe(moved.seq + 1);
  });

  it("that is older does not bring an agent's earlier address back, whoever repeats it", () => {
    const fiona = organisation.member("fiona.berg");
    const known = createKnownPeers({ verify: (jwt, id) => fiona.membership.verify(jwt, id), clock: createVirtualClock(now) });
    const shared = (addresses: string[], seq: number) => ({
      agentId: agent,
      credential: fiona.membership.credential(),
      statement: signStatement({ org, agent, signer, addresses, seq }),
    });
    const [old, fresh] = [shared(HOME, now - 1_000), shared(["/ip4/192.0.2.2/tcp/4001"], now)];
    known.merge(recordOf(fresh, { org, now }));
    known.merge(recordOf(old, { org, now }));
    expect(known.get(agent)?.addresses).toEqual(["/ip4/192.0.2.2/tcp/4001"]);
    expect(known.shared()).toEqual([fresh]);
    expect([known.has(fresh), known.has(old)]).toEqual([true, false]);
  });
});
