import { beforeEach, describe, expect, it } from "vitest";
import { type BundleShelf, openBundleShelf } from "../../../bootstrap-node/bundle-shelf.ts";
import { openAuditChain } from "../../../mesh/audit/chain.ts";
import { agentIdOf, thumbprintOf } from "../../../mesh/identity/keys.ts";
import { createCommitQueue } from "../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { seededRandom, seededSigner } from "../../support/seeded-keys.ts";
import { createTestOrganisation, successionOf } from "../../support/test-organisation.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const organisation = createTestOrganisation();
const { org, root } = organisation;
const next = seededSigner("the next root");
const { rotation } = successionOf(organisation, next);

describe("a bootstrap node whose organisation has another root key", () => {
  const clock = createVirtualClock();
  const store = openMemoryStore();
  let shelf: BundleShelf;
  const open = async (): Promise<void> => {
    const own = { agentId: agentIdOf(seededSigner("node").publicJwk), random: seededRandom("node") };
    const chain = await openAuditChain({ store, random: own.random }, { org, agentId: own.agentId });
    const queue = createCommitQueue({
      store,
      clock,
      audit: chain,
      freeBytes: () => Number.MAX_SAFE_INTEGER,
      onEffectError: () => undefined,
    });
    shelf = await openBundleShelf({ store, queue, clock, own }, { org, rootFingerprint: root.thumbprint });
  };
  const byOld = (role: string, version: number) => organisation.sign(role, { version, nowMs: clock.now() });
  const byNew = (role: string, version: number, trust = { rotation }) =>
    organisation.sign(role, { version, nowMs: clock.now(), root: next, trust });
  beforeEach(open);

  it("takes its bundles, role by role, and the old root's no more, also after a restart", async () => {
    for (const role of ["finance", "marketing"]) await shelf.accept(byOld(role, 1));
    await shelf.accept(byNew("finance", 2));
    await expect(shelf.accept(byOld("marketing", 3))).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
    await shelf.accept(byNew("marketing", 2));
    await open();
    expect(thumbprintOf(shelf.ofRole("marketing").manifest.root)).toBe(next.thumbprint);
    await expect(shelf.accept(byOld("finance", 9))).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
    await shelf.accept(byNew("finance", 3));
    expect(shelf.version()).toBe(3);
  });

  it("does not take those of a key that nothing signed leads to", async () => {
    const thief = seededSigner("thief");
    const forged = organisation.sign("finance", { version: 20, nowMs: clock.now(), root: thief, trust: { rotation } });
    await expect(shelf.accept(forged)).rejects.toMatchObject({ code: "BUNDLE_SIGNATURE" });
  });
});
