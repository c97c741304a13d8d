import { describe, expect, it } from "vitest";
import type { Principal } from "../../../../mesh/contract/identity.ts";
import { RECORD_RETENTION_MS } from "../../../../mesh/contract/limits.ts";
import { createCardShelf } from "../../../../mesh/directory/card-shelf.ts";
import { createDirectory, type Directory, type DirectoryMember } from "../../../../mesh/directory/create-directory.ts";
import { agentIdOf } from "../../../../mesh/identity/keys.ts";
import type { Beat } from "../../../../mesh/directory/card-wire.ts";
import type { VerifiedCard } from "../../../../mesh/directory/signed-card.ts";
import { policyOf } from "../../../support/messaging-node.ts";
import { type MemoryStore, openMemoryStore } from "../../../support/memory-store.ts";
import { keyOf } from "../../../support/peer-world.ts";
import { createVirtualClock, settle } from "../../../support/virtual-clock.ts";

const person = (subject: string, role: string): Principal => ({ agentId: agentIdOf(keyOf(subject)), subject, role, department: role });
const member = (subject: string, role: string, ...skills: string[]): DirectoryMember => ({
  principal: person(subject, role),
  card: { skills: skills.map((id) => ({ id, description: `Does ${id}.` })) },
});

const FIONA = person("fiona.berg", "finance");
const MARCO = member("marco.diaz", "marketing", "accruals");
const ELENA = member("elena.novak", "engineering", "accruals");

type Change = { type: "connected" | "disconnected"; member: DirectoryMember };

/** A directory with a peer node that the test plays. */
async function createWorld(
  options: {
    store?: MemoryStore;
    now?: number;
    revoked?: string[];
    cards?: VerifiedCard[];
    loads?: Record<string, Beat>;
    deny?: string[];
  } = {},
): Promise<{
  directory: Directory;
  store: MemoryStore;
  tell(type: Change["type"], ...members: DirectoryMember[]): void;
}> {
  const store = options.store ?? openMemoryStore();
  const listeners = new Set<(change: Change) => void>();
  const directory = await createDirectory({
    self: () => ({ principal: FIONA, skills: [{ id: "month-end-close", description: "Closes the month." }], concurrency: 2 }),
    policy: policyOf(({ targetRole }) => options.deny?.includes(targetRole ?? "") !== true),
    cards: { all: () => options.cards ?? [], get: (id) => options.cards?.find(({ facts }) => facts.agentId === id) },
    loadOf: (id) => options.loads?.[id],
    zones: { wallTime: () => undefined },
    orgChart: () => [
      { id: "marco.diaz", title: "Head of Marketing", role: "marketing", department: "marketing", manager: null, locale: "en" },
    ],
    isRevoked: ({ subject }) => options.revoked?.includes(subject) === true,
    peers: {
      onPeerChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    shelf: createCardShelf(store),
    clock: createVirtualClock(options.now ?? 1_000_000),
    log: { warn: () => undefined },
  });
  const tell = (type: Change["type"], ...members: DirectoryMember[]): void => {
    for (const one of members) for (const listener of listeners) listener({ type, member: one });
  };
  return { directory, store, tell };
}

const subjects = (directory: Directory, filter = {}): string[] => directory.agents(filter).map((agent) => agent.subject);

describe("the directory", () => {
  it("lists this agent and the members that came, with title, skills and whether they are online", async () => {
    const { directory, tell } = await createWorld();
    tell("connected", MARCO, ELENA);
    tell("disconnected", ELENA);
    expect(subjects(directory)).toEqual(["fiona.berg", "marco.diaz", "elena.novak"]);
    expect(directory.find(MARCO.principal.agentId)).toEqual({
      ...MARCO.principal,
      title: "Head of Marketing",
      online: true,
      self: false,
      skills: [{ id: "accruals", description: "Does accruals." }],
      locale: "en",
      lastSeenAt: new Date(1_000_000).toISOString(),
    });
    expect(directory.find(ELENA.principal.agentId)).toMatchObject({ online: false, title: "engineering" });
    expect(directory.find(FIONA.agentId)).toMatchObject({ online: true, self: true });
  });

  it("does not list the bootstrap node, which is a peer and no colleague", async () => {
    const { directory, tell } = await createWorld();
    tell("connected", MARCO, member("bootstrap", "bootstrap"));
    expect(directory.agents().map(({ subject }) => subject)).toEqual(["fiona.berg", "marco.diaz"]);
    expect(() => directory.resolve({ targetRole: "bootstrap" })).toThrow(/Known roles: marketing;/);
  });

  it("narrows a list by role and by skill", async () => {
    const { directory, tell } = await createWorld();
    tell("connected", MARCO, ELENA);
    expect(subjects(directory, { skill: "accruals" })).toEqual(["elena.novak", "marco.diaz"]);
    expect(subjects(directory, { skill: "accruals", role: "marketing" })).toEqual(["marco.diaz"]);
    expect(subjects(directory, { role: "legal" })).toEqual([]);
  });

  it("still knows agents that are offline after a restart, and forgets those not seen for a long time", async () => {
    const first = await createWorld();
    first.tell("connected", MARCO);
    await settle();
    const { directory } = await createWorld({ store: first.store });
    expect(directory.resolve({ targetRole: "marketing" })).toEqual(MARCO.principal);
    expect(directory.find(MARCO.principal.agentId)?.online).toBe(false);
    expect(directory.lastSeenAt(MARCO.principal.agentId)).toBe(1_000_000);
    const later = await createWorld({ store: first.store, now: 1_000_001 + RECORD_RETENTION_MS });
    expect(subjects(later.directory)).toEqual(["fiona.berg"]);
    await settle();
    expect(await createCardShelf(first.store).load()).toEqual([]);
  });

  it("leaves out malformed entries of its shelf", async () => {
    const store = openMemoryStore(new Map([["directory/agent/x", '{"principal":{}}']]));
    const { directory } = await createWorld({ store });
    expect(subjects(directory)).toEqual(["fiona.berg"]);
  });

  it("does not know a revoked agent", async () => {
    const { directory, tell } = await createWorld({ revoked: ["marco.diaz"] });
    tell("connected", MARCO);
    expect(subjects(directory)).toEqual(["fiona.berg"]);
    expect(() => directory.resolve({ agentId: MARCO.principal.agentId })).toThrow(expect.objectContaining({ code: "NO_ROUTE" }));
  });
});

describe("a target", () => {
  it("means an online agent before an offline one, then the first by subject, each time the same", async () => {
    const { directory, tell } = await createWorld();
    const anna = member("anna.lund", "marketing", "accruals");
    tell("connected", MARCO, ELENA, anna);
    expect(directory.resolve({ skill: "accruals" })).toEqual(anna.principal);
    tell("disconnected", anna);
    expect(directory.resolve({ skill: "accruals" })).toEqual(ELENA.principal);
    expect(directory.resolve({ skill: "accruals", targetRole: "marketing" })).toEqual(MARCO.principal);
  });

  it("means this agent only when it is asked for by id", async () => {
    const { directory } = await createWorld();
    expect(() => directory.resolve({ targetRole: "finance" })).toThrow(expect.objectContaining({ code: "NO_ROUTE" }));
    expect(() => directory.resolve({ skill: "month-end-close" })).toThrow(expect.objectContaining({ code: "NO_ROUTE" }));
    expect(directory.resolve({ agentId: FIONA.agentId })).toEqual(FIONA);
  });

  it("that names an id and a skill that don't belong together means nobody", async () => {
    const { directory, tell } = await createWorld();
    tell("connected", MARCO);
    expect(() => directory.resolve({ agentId: MARCO.principal.agentId, skill: "payroll" })).toThrow(
      expect.objectContaining({ code: "NO_ROUTE" }),
    );
  });

  it("that nobody matches is told which roles and skills are known", async () => {
    const { directory, tell } = await createWorld();
    tell("connected", MARCO, ELENA);
    expect(() => directory.resolve({ targetRole: "legal" })).toThrow(
      "No known agent has the role legal. Known roles: engineering, marketing; known skills: accruals.",
    );
  });
});
