import { describe, expect, it } from "vitest";
import { createTokenSessions, type TokenSessions, type TokenSessionsConfig } from "../../../../../guard/pseudonym/token-sessions.ts";
import { createMapVault, type MapVault, sidOf, type VaultKeys } from "../../../../../guard/pseudonym/vault/map-vault.ts";
import { openAuditChain } from "../../../../../mesh/audit/chain.ts";
import type { OrderedStore } from "../../../../../mesh/contract/ports.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../../../../../mesh/contract/limits.ts";
import { createCommitQueue } from "../../../../../mesh/store/commit-queue.ts";
import { createTestMember, createTestOrg } from "../../../../support/audit-fixture.ts";
import { type MemoryStore, openMemoryStore } from "../../../../support/memory-store.ts";
import { createRealClock } from "../../../../support/real-clock.ts";
import { createSeededRandom } from "../../../../support/seeded-random.ts";

const IBAN = { surface: "DE89 3704 0044 0532 0130 00", value: "DE89 3704 0044 0532 0130 00" };
const ANNA = { surface: "Anna Schmidt", value: "Anna Schmidt" };
const EPOCHS = [{ epoch: 1, key: new Uint8Array(32).fill(7) }];

function createKeys(): VaultKeys {
  const random = createSeededRandom(99);
  let key = random.bytes(32);
  return {
    current: () => key,
    replace: async () => {
      key = random.bytes(32);
    },
  };
}

interface Daemon {
  readonly sessions: TokenSessions;
  readonly vault: MapVault;
  readonly clock: { now: number };
  readonly writes: () => number;
}

let seed = 0;

/** What a daemon has of the vault, on a disk; each start has randomness of its own. */
async function start(disk: OrderedStore, keys: VaultKeys, config: Partial<TokenSessionsConfig> = {}, now = 1_000_000): Promise<Daemon> {
  seed += 1;
  const random = createSeededRandom(seed);
  const clock = { now };
  const time = { ...createRealClock(), now: () => clock.now };
  const member = createTestMember(createTestOrg(random), random, { subject: "ada", role: "finance" });
  const chain = await openAuditChain({ store: disk, random }, { org: createTestOrg(random).org, agentId: member.principal.agentId });
  let writes = 0;
  const store = {
    ...disk,
    batch: async (...args: Parameters<OrderedStore["batch"]>) => {
      writes += 1;
      await disk.batch(...args);
    },
  };
  const queue = createCommitQueue({
    store,
    clock: time,
    audit: chain,
    freeBytes: () => FREE_SPACE_FLOOR_BYTES,
    onEffectError: () => undefined,
  });
  const vault = createMapVault({ store, queue, random, keys });
  const sessions = createTokenSessions({ clock: time, random, vault }, { epochs: EPOCHS, ...config }, await vault.list());
  return { sessions, vault, clock, writes: () => writes };
}

const everything = async (disk: MemoryStore): Promise<string> => JSON.stringify(await disk.range({ gte: "", lt: "~" }));

/** Writes one session's map and returns the disk after a power cut. */
async function keptDisk(keys: VaultKeys, id = "a"): Promise<{ disk: MemoryStore; token: string }> {
  const disk = openMemoryStore();
  const { sessions } = await start(disk, keys);
  const session = sessions.open(id);
  const token = session.tokenFor("IBAN", IBAN);
  await session.settle();
  return { disk: disk.crash(), token };
}

async function change(disk: MemoryStore, key: string, edit: (value: string) => string): Promise<void> {
  await disk.batch([{ type: "put", key, value: edit(disk.get(key) ?? "") }], { sync: true });
}

/** The same text with one character of base64url changed. */
const damaged = (text: string, at = text.length - 5): string => text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);

describe("a kept map", () => {
  it("restores after a power cut everything that was settled, under the same tokens", async () => {
    const keys = createKeys();
    const { disk, token } = await keptDisk(keys);
    const session = (await start(disk, keys)).sessions.open("a");
    expect(session.lookup(token)).toMatchObject(IBAN);
    expect(session.tokenFor("IBAN", IBAN)).toBe(token);
    expect(session.known.find(`to ${IBAN.value}!`)).toHaveLength(1);
  });

  it("goes on with families and later written forms as if nothing had happened", async () => {
    const keys = createKeys();
    const disk = openMemoryStore();
    const before = (await start(disk, keys)).sessions.open("a");
    const [full, spaced] = [before.tokenFor("PERSON", ANNA), before.tokenFor("IBAN", IBAN)];
    await before.settle();
    const after = (await start(disk.crash(), keys)).sessions.open("a");
    expect(after.mapRef).toBe(before.mapRef);
    expect(after.tokenFor("PERSON", { surface: "Schmidt", value: "Schmidt" }).slice(0, -2)).toBe(full.slice(0, -2));
    const compact = IBAN.value.replaceAll(" ", "");
    expect(after.tokenFor("IBAN", { surface: compact, value: compact }).slice(0, -2)).toBe(spaced.slice(0, -2));
  });

  it("loses at a power cut only what was not settled", async () => {
    const keys = createKeys();
    const disk = openMemoryStore();
    const session = (await start(disk, keys)).sessions.open("a");
    const settled = session.tokenFor("IBAN", IBAN);
    await session.settle();
    const open = session.tokenFor("PERSON", ANNA);
    void session.settle().catch(() => undefined);
    const again = (await start(disk.crash(), keys)).sessions.open("a");
    expect(again.lookup(settled)).toBeDefined();
    expect(again.lookup(open)).toBeUndefined();
    expect(again.tokenFor("PERSON", ANNA)).toBe(open);
    await again.settle();
  });

  it("costs one write per request however many values it has, and none without new ones", async () => {
    const { sessions, writes } = await start(openMemoryStore(), createKeys());
    const session = sessions.open("a");
    for (let i = 0; i < 500; i += 1) session.tokenFor("EMAIL", { surface: `p${i}@example.org`, value: `p${i}@example.org` });
    await session.settle();
    expect(writes()).toBe(1);
    await session.settle();
    expect(writes()).toBe(1);
  });

  it("shows no value, token or session id on the disk", async () => {
    const { disk, token } = await keptDisk(createKeys(), "chat-of-ada");
    const text = await everything(disk);
    expect(text).toContain("vault/map/");
    for (const secret of [IBAN.value, "0532", token, token.slice(5), "chat-of-ada"]) expect(text).not.toContain(secret);
  });

  it("carries its epoch: an old one stays readable and in use after a rotation, new sessions take the new key", async () => {
    const keys = createKeys();
    const disk = openMemoryStore();
    const first = (await start(disk, keys)).sessions.open("a");
    const old = first.tokenFor("PERSON", ANNA);
    await first.settle();
    const epochs = [...EPOCHS, { epoch: 2, key: new Uint8Array(32).fill(8) }];
    const after = disk.crash();
    const { sessions } = await start(after, keys, { epochs });
    expect(sessions.open("a").tokenFor("PERSON", { surface: "ANNA SCHMIDT", value: "ANNA SCHMIDT" }).slice(0, -2)).toBe(old.slice(0, -2));
    expect(sessions.open("b").tokenFor("PERSON", ANNA)).not.toBe(old);
    expect((await start(after, keys, { epochs: epochs.slice(1) })).sessions.open("a").lookup(old)).toMatchObject(ANNA);
  });
});

describe("a map that can't be believed", () => {
  const unreadable = expect.objectContaining({ code: "GUARD_REFUSED" });

  it.each([
    ["a changed batch", `vault/log/${sidOf("a")}/00000001`, damaged],
    ["a changed head", `vault/map/${sidOf("a")}`, (text: string) => damaged(text)],
    ["a later expiry", `vault/map/${sidOf("a")}`, (text: string) => text.replace(/"expiresAt":\d+/, '"expiresAt":9007199254740000')],
    ["a head that is no JSON", `vault/map/${sidOf("a")}`, () => "{"],
    ["fewer batches than there are", `vault/map/${sidOf("a")}`, (text: string) => text.replace('"batches":1', '"batches":0')],
  ])("is refused for %s, and other sessions work on", async (_, key, edit) => {
    const keys = createKeys();
    const { disk, token } = await keptDisk(keys);
    const other = (await start(disk, keys)).sessions.open("b");
    const theirs = other.tokenFor("PERSON", ANNA);
    await other.settle();
    await change(disk, key, edit);
    const { sessions } = await start(disk, keys);
    expect(() => sessions.open("a")).toThrow(unreadable);
    expect(sessions.open("b").lookup(theirs)).toMatchObject(ANNA);
    await sessions.drop("a");
    expect(sessions.open("a").lookup(token)).toBeUndefined();
  });

  it("is refused where a batch is missing or another session's stands in its place", async () => {
    const keys = createKeys();
    const { disk } = await keptDisk(keys);
    const other = (await start(disk, keys)).sessions.open("b");
    other.tokenFor("PERSON", ANNA);
    await other.settle();
    const [mine, theirs] = [`vault/log/${sidOf("a")}/00000001`, `vault/log/${sidOf("b")}/00000001`];
    await change(disk, mine, () => disk.get(theirs) ?? "");
    await expect(start(disk, keys).then(({ sessions }) => sessions.open("a"))).rejects.toThrow(unreadable);
    await disk.batch([{ type: "del", key: mine }], { sync: true });
    await expect(start(disk, keys).then(({ sessions }) => sessions.open("a"))).rejects.toThrow(unreadable);
  });

  it("is refused where its own batches have changed places", async () => {
    const keys = createKeys();
    const { disk } = await keptDisk(keys);
    const session = (await start(disk, keys)).sessions.open("a");
    session.tokenFor("PERSON", ANNA);
    await session.settle();
    const [first, second] = [`vault/log/${sidOf("a")}/00000001`, `vault/log/${sidOf("a")}/00000002`];
    const [one, two] = [disk.get(first) ?? "", disk.get(second) ?? ""];
    await change(disk, first, () => two);
    await change(disk, second, () => one);
    await expect(start(disk, keys).then(({ sessions }) => sessions.open("a"))).rejects.toThrow(unreadable);
  });

  it("is refused with another vault key", async () => {
    const { disk } = await keptDisk(createKeys());
    const other: VaultKeys = { current: () => new Uint8Array(32).fill(1), replace: async () => undefined };
    await expect(start(disk, other).then(({ sessions }) => sessions.open("a"))).rejects.toThrow(unreadable);
  });
});

describe("a map's end", () => {
  it("comes a lifetime after its last use, also for a session that nobody opens any more", async () => {
    const keys = createKeys();
    const { disk, token } = await keptDisk(keys);
    const DAY = 86_400_000;
    expect((await start(disk, keys, {}, 1_000_000 + DAY - 1)).sessions.open("a").lookup(token)).toBeDefined();
    const late = await start(disk, keys, {}, 1_000_000 + DAY);
    await late.sessions.sweep();
    expect(await everything(disk)).not.toContain("vault/");
    expect(late.sessions.find("a")).toBeUndefined();
  });

  it("moves on with use, with one write an hour", async () => {
    const keys = createKeys();
    const { disk, token } = await keptDisk(keys);
    const daemon = await start(disk, keys, {}, 1_000_000 + 80_000_000);
    for (let i = 0; i < 3; i += 1) await daemon.sessions.open("a").settle();
    expect(daemon.writes()).toBe(1);
    expect((await start(disk, keys, {}, 1_000_000 + 160_000_000)).sessions.open("a").lookup(token)).toBeDefined();
  });

  it("comes on request: the rows go, and a request under way is refused instead of writing them again", async () => {
    const keys = createKeys();
    const { disk } = await keptDisk(keys);
    const { sessions } = await start(disk, keys);
    const session = sessions.open("a");
    session.tokenFor("PERSON", ANNA);
    await sessions.drop("a");
    await expect(session.settle()).rejects.toThrow(expect.objectContaining({ code: "GUARD_REFUSED" }));
    expect(await everything(disk)).not.toContain("vault/");
  });

  it("takes nothing of a new session with the same id along, however slow the disk is", async () => {
    const keys = createKeys();
    const { disk } = await keptDisk(keys);
    const slow: OrderedStore = {
      ...disk,
      range: async (keyRange) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return disk.range(keyRange);
      },
    };
    const session = (await start(slow, keys, {}, 1_000_000 + 86_400_000)).sessions.open("a");
    const token = session.tokenFor("PERSON", ANNA);
    await session.settle();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await start(disk.crash(), keys, {}, 1_000_000 + 86_400_000)).sessions.open("a").lookup(token)).toMatchObject(ANNA);
  });

  it("comes also for a map whose head says that it has endless batches", async () => {
    const keys = createKeys();
    const { disk } = await keptDisk(keys);
    await change(disk, `vault/map/${sidOf("a")}`, (head) => head.replace('"batches":1', `"batches":${Number.MAX_SAFE_INTEGER}`));
    await (await start(disk, keys)).sessions.drop("a");
    expect(await everything(disk)).not.toContain("vault/");
  });

  it("comes for all at once, and what the disk may still hold of them can't be read with the new key", async () => {
    const keys = createKeys();
    const { disk } = await keptDisk(keys);
    const old = await disk.range({ gte: "vault/", lt: "vault~" });
    const { sessions } = await start(disk, keys);
    await sessions.dropAll();
    expect(await everything(disk)).not.toContain("vault/");
    await disk.batch(
      old.map(([key, value]) => ({ type: "put", key, value })),
      { sync: true },
    );
    await expect(start(disk, keys).then((again) => again.sessions.open("a"))).rejects.toThrow(
      expect.objectContaining({ code: "GUARD_REFUSED" }),
    );
  });

  it("counts a colleague's maps as that colleague's after a restart too", async () => {
    const disk = openMemoryStore();
    const keys = createKeys();
    const colleagues = { colleague: { sessions: 1, values: 100 }, colleagues: { sessions: 9, values: 100 } };
    const before = await start(disk, keys, { colleagues });
    const [chat, task] = [before.sessions.open("chat"), before.sessions.open("task 1", { owner: "eve" })];
    for (const session of [chat, task]) {
      session.tokenFor("PERSON", ANNA);
      await session.settle();
    }
    const { sessions } = await start(disk, keys, { colleagues });
    sessions.open("task 2", { owner: "eve" });
    expect(["chat", "task 1", "task 2"].map((id) => sessions.find(id) !== undefined)).toEqual([true, false, true]);
  });

  it("comes for the session unused for longest where all together hold too much", async () => {
    const keys = createKeys();
    const disk = openMemoryStore();
    const { sessions } = await start(disk, keys, { maxTotalValues: 3 });
    for (const id of ["a", "b", "c"]) {
      const session = sessions.open(id);
      for (const part of ["x", "y"]) session.tokenFor("SECRET", { surface: id + part, value: id + part });
      await session.settle();
    }
    expect(["a", "b", "c"].map((id) => sessions.find(id) !== undefined)).toEqual([false, false, true]);
  });
});
