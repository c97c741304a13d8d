import { describe, expect, it } from "vitest";
import { createBookKeeper, type BookKeeper } from "../../../../mesh/peer/book-keeper.ts";
import { createKnownPeers, type KnownPeers } from "../../../../mesh/peer/known-peers.ts";
import { createMembers } from "../../../../mesh/peer/members.ts";
import type { PeerBook } from "../../../../mesh/peer/peer-node.ts";
import { BOOK_ENTRY_LIFETIME_MS } from "../../../../mesh/peer/protocols.ts";
import { createStoredPeerBook } from "../../../../mesh/peer/stored-peer-book.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { createMemoryBook, createTestOrganisation } from "../../../support/peer-world.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const organisation = createTestOrganisation("northwind");
const fiona = organisation.member("fiona.berg");
const MARCO = organisation.member("marco.diaz").agentId;
const ADDRESSES = ["/ip4/192.0.2.1/tcp/1"];

function createWorld(book: PeerBook): { keeper: BookKeeper; known: KnownPeers; clock: VirtualClock; warnings: string[] } {
  const clock = createVirtualClock(Date.now());
  const warnings: string[] = [];
  const known = createKnownPeers({ verify: (jwt, id) => fiona.membership.verify(jwt, id), clock });
  const members = createMembers({ ownId: "own", clock });
  const log = { debug: () => undefined, warn: (_: object, text: string) => warnings.push(text) };
  return { keeper: createBookKeeper({ book, known, members, clock, log }), known, clock, warnings };
}

describe("the peer book", () => {
  it("holds what is known now and what was known before, saved once for several changes", async () => {
    const now = Date.now();
    const store = openMemoryStore();
    const book = createStoredPeerBook(store);
    await book.save([{ agentId: MARCO, addresses: ADDRESSES, seenAt: now - 1 }]);
    const { keeper, known, clock } = createWorld(book);
    expect(await keeper.load()).toHaveLength(1);
    known.merge({ agentId: fiona.agentId, addresses: ADDRESSES, credential: fiona.membership.credential(), seenAt: now });
    keeper.changed();
    keeper.changed();
    expect(clock.pending()).toBe(1);
    await clock.advance(1_000);
    expect((await createStoredPeerBook(store).load()).map((entry) => entry.agentId)).toEqual([fiona.agentId, MARCO]);
  });

  it("keeps an agent that is known no more, and drops one that is forgotten", async () => {
    const book = createMemoryBook([{ agentId: MARCO, addresses: ADDRESSES, seenAt: Date.now() - 1 }]);
    const { keeper } = createWorld(book);
    await keeper.load();
    await keeper.close();
    expect(book.entries).toHaveLength(1);
    keeper.forget(MARCO);
    await keeper.close();
    expect(book.entries).toEqual([]);
  });

  it("drops what is older than its lifetime", async () => {
    const book = createMemoryBook([{ agentId: MARCO, addresses: ADDRESSES, seenAt: Date.now() - BOOK_ENTRY_LIFETIME_MS - 1_000 }]);
    const { keeper } = createWorld(book);
    expect(await keeper.load()).toEqual([]);
  });

  it("counts as empty where it is malformed or can't be read, and says the latter", async () => {
    const malformed = createStoredPeerBook(openMemoryStore(new Map([["peer/book", '[{"agentId":"x"}]']])));
    expect(await createWorld(malformed).keeper.load()).toEqual([]);
    const broken: PeerBook = { load: () => Promise.reject(new Error("disk")), save: () => Promise.reject(new Error("disk")) };
    const { keeper, warnings } = createWorld(broken);
    expect(await keeper.load()).toEqual([]);
    await keeper.close();
    expect(warnings).toEqual(["the peer book could not be read", "the peer book could not be saved"]);
  });
});
