import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { createMembership } from "../../../../mesh/agent/membership.ts";
import { createTrustedClock, type TrustedClock } from "../../../../mesh/agent/trusted-clock.ts";
import { openAuditChain } from "../../../../mesh/audit/chain.ts";
import { BUNDLE_LIFETIME_MS, CREDENTIAL_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import type { OrderedStore } from "../../../../mesh/contract/ports.ts";
import { agentIdOf, generateAgentKeys, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import { issueMembership } from "../../../../mesh/identity/membership.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { openBundleStore } from "../../../../profiles/bundle/bundle-store.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { tempFolder } from "../../../support/temp-home.ts";
import { createTestOrganisation } from "../../../support/test-organisation.ts";
import { createVirtualClock, settle, type VirtualClock } from "../../../support/virtual-clock.ts";

const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 10, 2, 8);
const code = (name: string) => expect.objectContaining({ code: name });
const fail = (error: unknown): never => {
  throw error;
};

let clock: VirtualClock;
let store: OrderedStore;
let elapsed: number;
let behind: number[];

const open = (): TrustedClock =>
  createTrustedClock({ clock, store, elapsedMs: () => elapsed, onBehind: (ms) => behind.push(ms), onError: fail });
/** Real time passes; the machine's clock goes with it. */
const pass = (ms: number): void => {
  clock.jump(ms);
  elapsed += ms;
};

beforeEach(() => {
  [clock, store, elapsed, behind] = [createVirtualClock(START), openMemoryStore(), 0, []];
});

describe("the clock of an agent", () => {
  it("goes by the machine's clock, also when it is set forward and back again, as long as nobody has confirmed it", () => {
    const trusted = open();
    clock.jump(DAY_MS);
    expect(trusted.now()).toBe(START + DAY_MS);
    clock.jump(-2 * DAY_MS);
    expect(trusted.now()).toBe(START - DAY_MS);
  });

  it("does not go back behind a confirmed time, and goes on from there", () => {
    const trusted = open();
    trusted.confirm();
    clock.jump(-DAY_MS);
    expect(trusted.now()).toBe(START);
    pass(5_000);
    expect(trusted.now()).toBe(START + 5_000);
    expect(trusted.behindMs()).toBe(DAY_MS);
  });

  it("keeps the confirmed time over a restart", async () => {
    open().confirm();
    await settle();
    clock.jump(-DAY_MS);
    expect(open().now()).toBe(START);
  });

  it("tells once that the machine's clock is behind by more than the leeway, and again when that comes again", () => {
    const trusted = open();
    trusted.confirm();
    clock.jump(-60_000);
    trusted.now();
    expect(behind).toEqual([]);
    clock.jump(-540_000);
    for (let i = 0; i < 3; i += 1) trusted.now();
    expect(behind).toEqual([600_000]);
    clock.jump(600_000);
    trusted.now();
    clock.jump(-700_000);
    trusted.now();
    expect(behind).toEqual([600_000, 700_000]);
  });

  it("is not confirmed further back by a member whose clock is as wrong, nor ever ahead of the machine's own", () => {
    const trusted = open();
    trusted.confirm();
    clock.jump(-DAY_MS);
    trusted.confirm();
    expect(trusted.now()).toBe(START);
    clock.jump(2 * DAY_MS);
    expect(trusted.now()).toBe(START + DAY_MS);
  });

  it("is never behind any confirmed time plus what has passed, and never ahead of all that the machine has shown plus what has passed", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: DAY_MS }) }),
      fc.record({ kind: fc.constant("set" as const), ms: fc.integer({ min: -3 * DAY_MS, max: 3 * DAY_MS }) }),
      fc.record({ kind: fc.constantFrom("confirm" as const, "restart" as const), ms: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        [clock, store, elapsed] = [createVirtualClock(START), openMemoryStore(), 0];
        let trusted = open();
        let [low, high] = [Number.NEGATIVE_INFINITY, START];
        for (const { kind, ms } of steps) {
          if (kind === "pass") {
            pass(ms);
            [low, high] = [low + ms, high + ms];
          } else if (kind === "set") clock.jump(ms);
          else if (kind === "confirm") {
            trusted.confirm();
            low = Math.max(low, clock.now());
          } else {
            trusted = open();
            // What has passed since it was written is not known after a restart, and up to a minute is not written.
            low = Number(store.get("trusted-time") ?? Number.NEGATIVE_INFINITY);
          }
          high = Math.max(high, clock.now());
          expect(trusted.now()).toBeGreaterThanOrEqual(low);
          expect(trusted.now()).toBeLessThanOrEqual(high);
        }
      }),
    );
  });
});

describe("a machine whose clock is set back", () => {
  const organisation = createTestOrganisation();
  const { org } = organisation;
  const keys = generateAgentKeys(seededRandom("marco"));
  const agentId = agentIdOf(publicJwkOf(keys.sign));

  it("finds expired what had expired: its own bundle, a colleague's credential; also after a restart", async () => {
    const dir = tempFolder();
    const member = { subject: "marco.diaz", role: "marketing", department: "marketing", agentId, seal: publicJwkOf(keys.seal) };
    const credential = issueMembership({ org, member, signer: organisation.issuer, nowMs: START, random: seededRandom("c") });
    const openAll = async () => {
      const trusted = open();
      const bundles = await openBundleStore(
        { clock: trusted },
        { dir, rootFingerprint: organisation.root.thumbprint, org, role: "marketing" },
      );
      const never = () => Promise.reject(new Error("the node is not asked here"));
      const source = { profile: never, credential: never };
      const audit = async (): Promise<void> => undefined;
      return { trusted, membership: createMembership({ bundles, clock: trusted, source, saveCredential: audit, audit }, { credential }) };
    };
    let { trusted, membership } = await openAll();
    await membership.accept(organisation.sign("marketing", { version: 1, nowMs: START }));
    pass(CREDENTIAL_LIFETIME_MS + DAY_MS);
    trusted.confirm();
    clock.jump(-CREDENTIAL_LIFETIME_MS - DAY_MS);
    expect(() => membership.verify(credential, agentId)).toThrow(code("CREDENTIAL_EXPIRED"));
    clock.jump(CREDENTIAL_LIFETIME_MS + DAY_MS);
    pass(BUNDLE_LIFETIME_MS);
    trusted.confirm();
    await settle();
    clock.jump(-BUNDLE_LIFETIME_MS);
    expect(() => membership.bundle()).toThrow(code("BUNDLE_EXPIRED"));
    ({ trusted, membership } = await openAll());
    expect(() => membership.bundle()).toThrow(code("BUNDLE_EXPIRED"));
    expect(trusted.behindMs()).toBe(BUNDLE_LIFETIME_MS);
  });

  it("takes no message again that it had forgotten as expired: what is written down goes by the same clock", async () => {
    const trusted = open();
    const chain = await openAuditChain({ store, random: seededRandom("chain") }, { org, agentId });
    const queue = createCommitQueue({ store, clock: trusted, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
    trusted.confirm();
    clock.jump(-15 * DAY_MS);
    expect(await queue.run(({ now }) => now)).toBe(START);
  });
});
