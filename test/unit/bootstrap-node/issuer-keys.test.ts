import { beforeEach, describe, expect, it } from "vitest";
import { createAccessTokens } from "../../../bootstrap-node/access-tokens.ts";
import { type BundleShelf, openBundleShelf } from "../../../bootstrap-node/bundle-shelf.ts";
import { createIssuerKeys, type IssuerKeys } from "../../../bootstrap-node/issuer-keys.ts";
import type { Member } from "../../../bootstrap-node/members.ts";
import { openAuditChain } from "../../../mesh/audit/chain.ts";
import { CREDENTIAL_LIFETIME_MS } from "../../../mesh/contract/limits.ts";
import type { OrderedStore } from "../../../mesh/contract/ports.ts";
import {
  agentIdOf,
  type Ed25519PrivateJwk,
  generateAgentKeys,
  generateSigningKey,
  publicJwkOf,
  thumbprintOf,
} from "../../../mesh/identity/keys.ts";
import { issueMembership, verifyMembership } from "../../../mesh/identity/membership.ts";
import { signRevocation } from "../../../mesh/identity/revocation.ts";
import { createCommitQueue } from "../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { seededRandom, seededSigner } from "../../support/seeded-keys.ts";
import { createTestOrganisation } from "../../support/test-organisation.ts";
import { createVirtualClock, settle, type VirtualClock } from "../../support/virtual-clock.ts";

const organisation = createTestOrganisation();
const { org } = organisation;
const old = generateSigningKey(seededRandom("harbour issuer"));
const next = generateSigningKey(seededRandom("harbour issuer, the next"));
const both = { issuers: [publicJwkOf(old), publicJwkOf(next)] };
const random = seededRandom("node");
const code = (name: string) => expect.objectContaining({ code: name });

let clock: VirtualClock;
let shelf: BundleShelf;
let inFolder: readonly Ed25519PrivateJwk[];
let keys: IssuerKeys;

async function open(store: OrderedStore = openMemoryStore()): Promise<void> {
  const own = { agentId: agentIdOf(seededSigner("node").publicJwk), random };
  const chain = await openAuditChain({ store, random }, { org, agentId: own.agentId });
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  shelf = await openBundleShelf({ store, queue, clock, own }, { org, rootFingerprint: organisation.root.thumbprint });
  keys = createIssuerKeys({ shelf, clock, read: async () => inFolder, onError: fail }, [old, ...inFolder.slice(1)]);
}
const publish = (version: number, trust = {}) => shelf.accept(organisation.sign("finance", { version, nowMs: clock.now(), trust }));
const inUse = (): string => keys.signer.thumbprint;

beforeEach(async () => {
  clock = createVirtualClock();
  inFolder = [old];
  await open();
  await publish(1);
});

describe("the issuer key of a node", () => {
  it("changes 36 hours after a bundle named the next one, and not before, whatever else is published; no restart is needed, nor harmful", async () => {
    const store = openMemoryStore();
    await open(store);
    await publish(1);
    inFolder = [old, next];
    await publish(2, both);
    await settle();
    expect(inUse()).toBe(thumbprintOf(old));
    clock.jump(CREDENTIAL_LIFETIME_MS - 1);
    await publish(3, both);
    expect(inUse()).toBe(thumbprintOf(old));
    await open(store);
    expect(inUse()).toBe(thumbprintOf(old));
    clock.jump(1);
    expect(inUse()).toBe(thumbprintOf(next));
  });

  it("is never one that no bundle names, however long it lies in the folder", async () => {
    inFolder = [old, next];
    await publish(2);
    await settle();
    clock.jump(CREDENTIAL_LIFETIME_MS);
    expect([inUse(), keys.believed().length]).toEqual([thumbprintOf(old), 1]);
  });

  it("changes at once where the one in use is revoked or has left the bundle", async () => {
    inFolder = [old, next];
    await publish(2, both);
    await settle();
    const statement = {
      v: 1,
      org,
      seq: 1,
      issuedAt: new Date(clock.now()).toISOString(),
      agents: [],
      subjects: [],
      keys: [thumbprintOf(old)],
    } as const;
    await shelf.acceptRevocation(
      signRevocation({ statement: { ...statement, agents: [], subjects: [], keys: [...statement.keys] }, signer: organisation.admin }),
    );
    expect(inUse()).toBe(thumbprintOf(next));
  });

  it("signs what every colleague believes, all through the change: credentials of the old one until they end", async () => {
    const agent = generateAgentKeys(seededRandom("fiona"));
    const member = {
      subject: "fiona.berg",
      role: "finance",
      department: "finance",
      agentId: agentIdOf(publicJwkOf(agent.sign)),
      seal: publicJwkOf(agent.seal),
    };
    const issue = () => issueMembership({ org, member, signer: keys.signer, nowMs: clock.now(), random });
    const verify = (jwt: string) => verifyMembership({ jwt, manifest: shelf.newest().manifest, nowMs: clock.now() }).sub;
    inFolder = [old, next];
    await publish(2, both);
    await settle();
    clock.jump(CREDENTIAL_LIFETIME_MS - 60_000);
    const last = issue();
    clock.jump(60_000);
    const first = issue();
    expect([inUse(), verify(last), verify(first)]).toEqual([thumbprintOf(next), "fiona.berg", "fiona.berg"]);
    clock.jump(CREDENTIAL_LIFETIME_MS - 61_000);
    expect(verify(last)).toBe("fiona.berg");
  });

  it("signs access tokens too; those of the key before are taken until they end, and none of a key that has left", async () => {
    const tokens = createAccessTokens({ clock, random, issuers: keys }, { org });
    const agentId = agentIdOf(seededSigner("fiona").publicJwk);
    const member = { agentId, subject: "fiona.berg", role: "finance" } as Member;
    inFolder = [old, next];
    await publish(2, both);
    await settle();
    clock.jump(CREDENTIAL_LIFETIME_MS - 60_000);
    const { token } = await tokens.issue(member);
    clock.jump(60_000);
    const later = await tokens.issue(member);
    expect([(await tokens.verify(token)).agent, (await tokens.verify(later.token)).agent]).toEqual([agentId, agentId]);
    await publish(3, { issuers: [publicJwkOf(next)] });
    await expect(tokens.verify(token)).rejects.toThrow(code("CREDENTIAL_INVALID"));
    expect((await tokens.verify(later.token)).agent).toBe(agentId);
  });

  it("leaves the manifest behind that named it, with which old credentials in an export can be checked", async () => {
    const named = (await shelf.manifests())[0];
    await publish(2, { issuers: [publicJwkOf(next)] });
    expect(await shelf.manifests()).toEqual([shelf.newest().signed.manifest, named]);
  });
});
