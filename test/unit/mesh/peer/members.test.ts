import type { Connection } from "@libp2p/interface";
import { describe, expect, it } from "vitest";
import type { ProvenConnection } from "../../../../mesh/peer/gatekeeper.ts";
import { createMembers, type Members } from "../../../../mesh/peer/members.ts";
import type { PeerChange } from "../../../../mesh/peer/peer-node.ts";
import { DUPLICATE_GRACE_MS } from "../../../../mesh/peer/protocols.ts";
import { createVirtualClock, settle, type VirtualClock } from "../../../support/virtual-clock.ts";

/** The part of a connection that the table uses. */
class FakeConnection extends EventTarget {
  readonly id: string;
  status = "open";

  constructor(id: string) {
    super();
    this.id = id;
  }

  async close(): Promise<void> {
    this.abort();
  }

  abort(): void {
    if (this.status !== "open") return;
    this.status = "closed";
    this.dispatchEvent(new Event("close"));
  }
}

function createWorld(ownId: string): { members: Members; clock: VirtualClock; changes: string[]; connect(id: string): FakeConnection } {
  const clock = createVirtualClock();
  const members = createMembers({ ownId, clock });
  const changes: string[] = [];
  members.onChange((change: PeerChange) => changes.push(change.type === "connected" ? "connected" : `disconnected ${change.reason}`));
  const connect = (id: string): FakeConnection => {
    const connection = new FakeConnection(id);
    const hello: ProvenConnection["hello"] = {
      principal: { agentId: "peer", subject: "peer", role: "finance", department: "finance" },
      credential: "",
      card: { version: 1, skills: [] },
      bundleVersion: 1,
      revocationSeq: 0,
      addresses: [],
      statement: undefined,
      time: 0,
    };
    members.add({ agentId: "peer", connection: connection as unknown as Connection, hello });
    return connection;
  };
  return { members, clock, changes, connect };
}

describe("connected members", () => {
  it("use the newest of two connections, and the agent with the lower id closes the older one", async () => {
    const { members, clock, changes, connect } = createWorld("a");
    const old = connect("old");
    const fresh = connect("new");
    expect(members.connectionTo("peer").id).toBe("new");
    await clock.advance(DUPLICATE_GRACE_MS);
    expect([old.status, fresh.status]).toEqual(["closed", "open"]);
    expect(changes).toEqual(["connected"]);
  });

  it("leave the closing to the other side where this agent's id is the higher one", async () => {
    const { clock, connect } = createWorld("z");
    const old = connect("old");
    connect("new");
    await clock.advance(10 * DUPLICATE_GRACE_MS);
    expect(old.status).toBe("open");
  });

  it("keep an older connection until the work on it is done", async () => {
    const { members, clock, connect } = createWorld("a");
    const old = connect("old");
    connect("new");
    members.busy(old as unknown as Connection, 1);
    await clock.advance(3 * DUPLICATE_GRACE_MS);
    expect(old.status).toBe("open");
    members.busy(old as unknown as Connection, -1);
    await clock.advance(DUPLICATE_GRACE_MS);
    expect(old.status).toBe("closed");
  });

  it("are gone only when their last connection is, with the reason where they were cut off", async () => {
    const { members, changes, connect } = createWorld("a");
    connect("one");
    connect("two").abort();
    expect(members.has("peer")).toBe(true);
    members.cut("peer", "REVOKED");
    await settle();
    expect(members.has("peer")).toBe(false);
    expect(changes).toEqual(["connected", "disconnected REVOKED"]);
    expect(() => members.connectionTo("peer")).toThrow(expect.objectContaining({ code: "PEER_UNREACHABLE" }));
  });

  it("are told to a listener that comes late, and not to one that has left", () => {
    const { members, connect } = createWorld("a");
    connect("one");
    const late: string[] = [];
    const stop = members.onChange((change) => late.push(change.type));
    stop();
    members.cut("peer", "REVOKED");
    expect(late).toEqual(["connected"]);
  });
});
