import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { orgInit } from "../../../../../mesh/cli/org/org-init.ts";
import { orgPaths, readOrg, readRevocations } from "../../../../../mesh/cli/org/org-folder.ts";
import { orgReinstate } from "../../../../../mesh/cli/org/org-reinstate.ts";
import { orgReplaceAdmin } from "../../../../../mesh/cli/org/org-replace-admin.ts";
import { orgSign } from "../../../../../mesh/cli/org/org-sign.ts";
import { orgRevoke, type RevocationListener } from "../../../../../mesh/cli/org/org-revoke.ts";
import { foldRevocations, readStatements, writeStatements } from "../../../../../mesh/cli/org/revocation-file.ts";
import { createOutput } from "../../../../../mesh/cli/output.ts";
import { addTrustCommands } from "../../../../../mesh/cli/trust-commands.ts";
import { GaggleError } from "../../../../../mesh/contract/errors.ts";
import { readSigningKey } from "../../../../../mesh/identity/key-file.ts";
import { createSigner } from "../../../../../mesh/identity/keys.ts";
import { openRevocations, revocationId, withRevocations } from "../../../../../mesh/identity/revocation.ts";
import { seededRandom, seededSigner } from "../../../../support/seeded-keys.ts";
import { tempFolder } from "../../../../support/temp-home.ts";
import { createVirtualClock } from "../../../../support/virtual-clock.ts";

const installDir = fileURLToPath(new URL("../../../../../", import.meta.url));
const code = (name: string) => expect.objectContaining({ code: name });
const clock = createVirtualClock();
const deps = { clock, random: seededRandom("revoke") };

let dir: string;
let said: string;
const out = createOutput({ write: (text: string) => (said += text) }, false);

/** Somebody who can be told, and remembers. */
function listener(known: string[] = []): RevocationListener & { heard: string[] } {
  const take = (jws: string): boolean => !known.includes(jws) && known.push(jws) > 0;
  return { name: "a node", heard: known, known: async () => known, tell: async (jws) => ({ taken: take(jws) }) };
}

const unreachable: RevocationListener = {
  name: "nobody",
  known: () => Promise.reject(new GaggleError("PEER_UNREACHABLE", "Not there.")),
  tell: () => Promise.reject(new GaggleError("PEER_UNREACHABLE", "Not there.")),
};

/** What the statements of a folder say, under its own admin keys. */
async function statementsOf(folder: string) {
  const { org, admins } = await readOrg(folder);
  const trust = { org, admins, revocations: { seq: 0, agents: [], subjects: [], keys: [] } };
  return openRevocations(await readStatements(folder), trust).map(({ statement: { seq, subjects } }) => ({ seq, subjects }));
}

/** The machine of an admin: `org.json` and the admin key, nothing else of the folder. */
async function adminMachine(): Promise<string> {
  const laptop = join(tempFolder(), "admin-laptop");
  await mkdir(join(laptop, "admin"), { recursive: true, mode: 0o700 });
  for (const path of ["org.json", "admin/admin.json"]) await cp(join(dir, path), join(laptop, path));
  return laptop;
}

beforeEach(async () => {
  [dir, said] = [join(tempFolder(), "org"), ""];
  await orgInit({ dir, installDir, content: "sample" }, out, deps);
});

describe("gaggle org revoke", () => {
  it("needs the admin key alone: signs, tells, and says so", async () => {
    const laptop = await adminMachine();
    const node = listener();

    expect((await orgRevoke({ dir: laptop, user: "marco.diaz" }, out, { ...deps, listeners: [node] })).subjects).toEqual(["marco.diaz"]);

    expect(node.heard).toEqual(await readStatements(laptop));
    expect(await statementsOf(laptop)).toEqual([{ seq: clock.now() + 1, subjects: ["marco.diaz"] }]);
    expect(said).toContain("Told a node: connected members cut it off within seconds.");
  });

  it("says where the org chart has nobody of that name, so that a misspelt leaver is not taken for cut off", async () => {
    const node = listener();
    await orgRevoke({ dir, user: "marco.diaz" }, out, { ...deps, listeners: [node] });
    expect(said).not.toContain("The org chart here has no");
    const after = await orgRevoke({ dir, user: "marko.diaz" }, out, { ...deps, listeners: [node] });
    expect(said).toContain("The org chart here has no marko.diaz.");
    expect(after.subjects).toEqual(["marco.diaz", "marko.diaz"]);

    // A chart that can't be read, or none at all, holds up no revocation.
    await writeFile(join(orgPaths(dir).profiles, "organisation.yaml"), "orgChart: [");
    expect((await orgRevoke({ dir, user: "hanna.okoye" }, out, { ...deps, listeners: [node] })).subjects).toContain("hanna.okoye");
  });

  it("by two machines with one admin key that don't see each other counts for both, number or no number, and both are settled", async () => {
    const machines = [await adminMachine(), await adminMachine()] as const;
    const [first, second] = [listener(), listener()];
    await orgRevoke({ dir: machines[0], user: "marco.diaz" }, out, { ...deps, listeners: [first] });
    await orgRevoke({ dir: machines[1], user: "hanna.okoye" }, out, { ...deps, listeners: [second] });
    const [one, other] = [...(await statementsOf(machines[0])), ...(await statementsOf(machines[1]))];
    expect(one?.seq).toBe(other?.seq);

    // The bundle is signed where only the first is known; the second goes on counting on top of it, and is in the next.
    await writeStatements(dir, first.heard);
    const list = await foldRevocations(dir);
    const { org, admins } = await readOrg(dir);
    expect(withRevocations({ org, admins, revocations: list }, second.heard).subjects).toEqual(["marco.diaz", "hanna.okoye"]);
    await writeStatements(dir, [...first.heard, ...second.heard]);
    const next = await foldRevocations(dir);
    expect([next.seq, next.subjects]).toEqual([2, ["marco.diaz", "hanna.okoye"]]);
    expect(openRevocations([...first.heard, ...second.heard], { org, admins, revocations: next })).toEqual([]);
  });

  it("numbers one after another of a machine, also within a millisecond and when its clock was set back", async () => {
    const node = listener();
    await orgRevoke({ dir, user: "marco.diaz" }, out, { ...deps, listeners: [node] });
    await writeStatements(dir, []);
    const back = { ...deps, clock: { now: () => clock.now() - 86_400_000 } };
    await orgRevoke({ dir, user: "hanna.okoye" }, out, { ...back, listeners: [node] });
    expect((await statementsOf(dir)).map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual([clock.now() + 1, clock.now() + 2]);
  });

  it("uses no number that a list of an earlier version has settled, also one that the machine has not seen", async () => {
    const admin = (await adminOf(dir)).thumbprint;
    await rm(orgPaths(dir).revocations);
    const after = await orgRevoke({ dir, user: "marco.diaz" }, out, { ...deps, listeners: [listener()] });
    expect(after.subjects).toEqual(["marco.diaz"]);
    const { org, admins } = await readOrg(dir);
    const trust = { org, admins, revocations: { seq: 4, agents: [], subjects: [], keys: [], settled: { [admin]: 3_000 } } };
    expect(openRevocations(await readStatements(dir), trust)).toHaveLength(1);
  });

  it("revokes anew whom the root has taken back since, as the node tells, although an old statement names them", async () => {
    const node = listener();
    await orgRevoke({ dir, user: "marco.diaz" }, out, { ...deps, listeners: [node] });
    const laptop = await adminMachine();
    await writeStatements(laptop, node.heard);
    await orgReinstate({ dir, user: "marco.diaz" }, out);
    const told = { ...node, list: () => readRevocations(dir) };
    await orgRevoke({ dir: laptop, user: "marco.diaz" }, out, { ...deps, listeners: [told] });
    expect(await statementsOf(laptop)).toHaveLength(2);
    expect(said).not.toContain("That was revoked already.");
  });

  it("fails where the first who is told does not take what was just signed, instead of saying that it counts", async () => {
    const deaf = { ...listener(), tell: async () => ({ taken: false }) };
    await expect(orgRevoke({ dir, user: "marco.diaz" }, out, { ...deps, listeners: [deaf, listener()] })).rejects.toThrow(code("CONFLICT"));
    expect(said).not.toContain("within seconds");
  });

  it("fails where nobody could be told, and is only told when run again", async () => {
    await expect(orgRevoke({ dir, user: "marco.diaz" }, out, { ...deps, listeners: [unreachable] })).rejects.toThrow(
      code("PEER_UNREACHABLE"),
    );
    const node = listener();
    await orgRevoke({ dir, user: "marco.diaz" }, out, { ...deps, listeners: [unreachable, node] });
    expect(node.heard).toHaveLength(1);
    expect(said).toContain("That was revoked already.");
  });

  it("refuses an admin key that is not the organisation's, or that is revoked itself", async () => {
    await orgRevoke({ dir, key: (await adminOf(dir)).thumbprint }, out, deps);
    await expect(orgRevoke({ dir, user: "marco.diaz" }, out, deps)).rejects.toThrow(code("CONFLICT"));
    const other = join(tempFolder(), "other");
    await orgInit({ dir: other, installDir, content: "sample" }, out, deps);
    await cp(join(other, "admin", "admin.json"), orgPaths(dir).adminKey);
    await expect(orgRevoke({ dir, user: "marco.diaz" }, out, deps)).rejects.toThrow(code("CONFLICT"));
  });
});

const adminOf = async (folder: string) => createSigner(await readSigningKey(orgPaths(folder).adminKey, "admin key"));

describe("the list of the next bundle", () => {
  it("has what every admin's machine revoked, and settles it", async () => {
    const admin = (await adminOf(dir)).thumbprint;
    const laptop = join(tempFolder(), "laptop");
    await cp(dir, laptop, { recursive: true });
    const node = listener();
    await orgRevoke({ dir: laptop, user: "marco.diaz" }, out, { ...deps, listeners: [node] });
    await writeStatements(dir, node.heard);
    const settledIds = { [admin]: node.heard.map(revocationId) };
    expect(await foldRevocations(dir)).toEqual({ seq: 1, agents: [], subjects: ["marco.diaz"], keys: [], settledIds });
    expect(await foldRevocations(dir)).toEqual(await readRevocations(dir));
  });

  it("is not signed over from an old copy of the folder, which would trust again whom it lacks", async () => {
    const old = join(tempFolder(), "old");
    await cp(dir, old, { recursive: true });
    await orgRevoke({ dir, user: "marco.diaz" }, out, deps);
    await orgSign({ dir }, out, deps);
    const { manifest } = JSON.parse(await readFile(join(orgPaths(dir).bundles, "finance.json"), "utf8"));
    const fetch = async (): Promise<Response> => Response.json({ manifest, statements: [] });
    const publish = "http://127.0.0.1:1";
    await expect(orgSign({ dir: old, publish }, out, { ...deps, fetch })).rejects.toThrow(code("CONFLICT"));
    await cp(orgPaths(dir).revocations, orgPaths(old).revocations);
    await expect(orgSign({ dir: old, publish }, out, { ...deps, fetch })).rejects.not.toThrow(code("CONFLICT"));
  });

  it("has nothing of an admin key that it revokes: what a thief revoked is gone with the key", async () => {
    const [thief, loot] = [await adminOf(dir), join(tempFolder(), "loot")];
    await cp(dir, loot, { recursive: true });
    await orgRevoke({ dir: loot, user: "fiona.berg" }, out, deps);
    await orgRevoke({ dir, user: "marco.diaz" }, out, deps);
    await writeStatements(dir, [...(await readStatements(dir)), ...(await readStatements(loot))]);

    const { admin, revoked } = await orgReplaceAdmin({ dir }, out, deps);

    expect(revoked).toBe(thief.thumbprint);
    const list = await foldRevocations(dir);
    expect([list.subjects, list.keys]).toEqual([["marco.diaz"], [thief.thumbprint]]);
    expect((await adminOf(dir)).thumbprint).toBe(admin);
    expect((await readOrg(dir)).admins).toEqual([(await adminOf(dir)).publicJwk]);
    await orgRevoke({ dir, user: "hanna.okoye" }, out, deps);
    const { settledIds } = await foldRevocations(dir);
    expect([Object.keys(settledIds ?? {}), settledIds?.[admin]?.length]).toEqual([[admin], 1]);
  });

  it("loses what the root's holder takes back, and no statement brings it in again", async () => {
    const statement = listener();
    await orgRevoke({ dir, user: "marco.diaz", key: seededSigner("k").thumbprint }, out, { ...deps, listeners: [statement] });
    await orgReinstate({ dir, user: "marco.diaz" }, out);
    await writeStatements(dir, statement.heard);
    const { subjects, keys } = await foldRevocations(dir);
    expect([subjects, keys]).toEqual([[], [seededSigner("k").thumbprint]]);
    await expect(orgReinstate({ dir, user: "marco.diaz" }, out)).rejects.toThrow(code("NOT_FOUND"));
    expect(JSON.parse(await readFile(orgPaths(dir).revocations, "utf8"))).toMatchObject({ subjects: [] });
  });
});

describe("several commands at once on one folder", () => {
  it("wait for each other, so that no revocation is lost", async () => {
    const silent = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    vi.stubEnv("GAGGLE_HOME", join(tempFolder(), "nobody"));
    onTestFinished(() => {
      silent.mockRestore();
      vi.unstubAllEnvs();
    });
    const people = ["fiona.berg", "pieter.jansen", "marco.diaz", "elena.novak", "hanna.okoye", "theo.whitaker"];
    const revoke = async (user: string): Promise<void> => {
      const program = new Command("org").exitOverride();
      addTrustCommands(program, ["--dir <folder>", "", dir]);
      await program.parseAsync(["revoke", "--dir", dir, "--user", user], { from: "user" });
    };
    await Promise.all(people.map(revoke));
    expect(await readRevocations(dir)).toMatchObject({ seq: people.length, subjects: expect.arrayContaining(people) });
  });
});
