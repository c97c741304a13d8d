import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { AgentCore } from "../../../../../mesh/agent/agent-core.ts";
import { confirmRecovery, markDuplicate, provesDuplicate, refuseDuplicate } from "../../../../../mesh/agent/backup/confirm-recovery.ts";
import { recoveredMark } from "../../../../../mesh/agent/backup/folder-archive.ts";
import { signHead } from "../../../../../mesh/audit/head.ts";
import { GaggleError } from "../../../../../mesh/contract/errors.ts";
import { agentIdOf } from "../../../../../mesh/identity/keys.ts";
import { seededSigner } from "../../../../support/seeded-keys.ts";
import { tempFolder } from "../../../../support/temp-home.ts";

const signer = seededSigner("agent");
const agentId = agentIdOf(signer.publicJwk);
const hash = (digit: string): string => digit.repeat(64);
const chain = { head: () => ({ seq: 5, hash: hash("a") }), list: async () => [{ seq: 5, hash: hash("a") }] as never };
const headOf = (seq: number, digit: string, by = signer): string =>
  signHead({ v: 1, org: "org_aaaaaaaaaaaaaaaaaaaaaaaaaa", agentId, seq, hash: hash(digit), ts: "2026-11-20T00:00:00.000Z" }, by);
const gap = (head?: string): GaggleError => new GaggleError("AUDIT_GAP", "forked", { details: head === undefined ? {} : { seq: 5, head } });

describe("an agent that came from a backup", () => {
  const home = async (): Promise<string> => {
    const dir = tempFolder();
    await writeFile(recoveredMark(dir), "{}");
    return dir;
  };
  const core = (ingest: () => Promise<{ seq: number; hash: string }>) => {
    const audited: string[] = [];
    const fake = { config: { org: "org_aaaaaaaaaaaaaaaaaaaaaaaaaa", agentId }, chain, signer, clock: { now: () => 0 }, client: { ingest } };
    return {
      audited,
      core: { ...fake, audit: async ({ action }: { action: string }) => void audited.push(action) } as unknown as AgentCore,
    };
  };

  it.each([
    ["has more of its audit", { seq: 6, hash: hash("b") }],
    ["has another history of the same length", { seq: 5, hash: hash("b") }],
  ])("does not begin where the node %s, and writes nothing", async (_, end) => {
    const dir = await home();
    const { core: one, audited } = core(async () => end);
    await expect(confirmRecovery(one, dir)).rejects.toMatchObject({ code: "DUPLICATE_AGENT" });
    expect([audited, existsSync(recoveredMark(dir))]).toEqual([[], true]);
  });

  it("does not begin where the node can't be reached", async () => {
    const dir = await home();
    const { core: one, audited } = core(() => Promise.reject(new GaggleError("PEER_UNREACHABLE", "away")));
    await expect(confirmRecovery(one, dir)).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    expect([audited, existsSync(recoveredMark(dir))]).toEqual([[], true]);
  });
});

describe("an agent whose key another machine uses", () => {
  it("believes its own signature over another history, and nothing else that the node says", async () => {
    expect(await provesDuplicate(gap(headOf(6, "b")), agentId, chain)).toBe(true);
    expect(await provesDuplicate(gap(headOf(5, "b")), agentId, chain)).toBe(true);
    const lies = [
      gap(),
      gap(headOf(5, "a")),
      gap(headOf(6, "b", seededSigner("node"))),
      gap("garbage"),
      new GaggleError("INTERNAL", "x"),
      new Error("x"),
    ];
    expect(await Promise.all(lies.map((lie) => provesDuplicate(lie, agentId, chain)))).toEqual(lies.map(() => false));
  });

  it("never begins again in that home", async () => {
    const dir = tempFolder();
    expect(() => refuseDuplicate(dir)).not.toThrow();
    expect(await markDuplicate(dir)).toMatchObject({ code: "DUPLICATE_AGENT" });
    expect(() => refuseDuplicate(dir)).toThrow("with the same key");
  });
});
