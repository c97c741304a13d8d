import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { sealed } from "../../../bootstrap-node/backup/backup-lines.ts";
import { restoreBackup } from "../../../bootstrap-node/backup/restore-backup.ts";
import { takeBackup } from "../../../bootstrap-node/backup/take-backup.ts";
import { type BootstrapNode, createBootstrapNode } from "../../../bootstrap-node/create-bootstrap-node.ts";
import { createBootstrapClient } from "../../../mesh/agent/bootstrap-client.ts";
import { shipAudit } from "../../../mesh/agent/ship-audit.ts";
import { openAuditChain } from "../../../mesh/audit/chain.ts";
import { createAuditShipper } from "../../../mesh/audit/ship.ts";
import { verifyExport } from "../../../mesh/audit/verify.ts";
import { addAdminCommands } from "../../../mesh/cli/admin-commands.ts";
import { bootstrapBackup, bootstrapRestore } from "../../../mesh/cli/bootstrap-backup.ts";
import { adminSigner } from "../../../mesh/cli/org/org-folder.ts";
import { orgInit } from "../../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../../mesh/cli/org/org-invite.ts";
import { orgSign } from "../../../mesh/cli/org/org-sign.ts";
import { createOutput } from "../../../mesh/cli/output.ts";
import type { Random } from "../../../mesh/contract/ports.ts";
import { parseInvitation } from "../../../mesh/identity/invitation.ts";
import { agentIdOf, createSigner, generateAgentKeys, publicJwkOf } from "../../../mesh/identity/keys.ts";
import { createCommitQueue } from "../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { createWallClock } from "../../support/wall-clock.ts";

const installDir = fileURLToPath(new URL("../../../", import.meta.url));
const code = (name: string) => expect.objectContaining({ code: name });
const out = createOutput({ write: () => undefined }, true);
const random: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const clock = createWallClock();
const deps = { clock, random, fetch };

let home: string;
let org: string;
let nodes: BootstrapNode[];

const start = async (dir = join(org, "bootstrap")): Promise<BootstrapNode> => {
  const ops = { host: "127.0.0.1", port: 0 };
  const node = await createBootstrapNode(
    { clock, random, log },
    { dir, host: "127.0.0.1", port: 0, version: "0.0.0-test", peer: null, ops },
  );
  nodes.push(node);
  return node;
};
const stop = async (): Promise<void> => {
  for (const node of nodes.splice(0)) await node.close();
};
const invite = (url: string, user = "fiona.berg") => orgInvite({ dir: org, role: "finance", user, url }, out, deps);

/** An agent with an audit chain of its own, which it sends to whichever node it is given. */
const enrol = async (link: string) => {
  const { baseUrl, claims, secret } = parseInvitation(link);
  const keys = generateAgentKeys(random);
  const signer = createSigner(keys.sign);
  const agentId = agentIdOf(signer.publicJwk);
  const clientOf = (url: string) => createBootstrapClient({ signer, clock, random, fetch }, { baseUrl: url, org: claims.org });
  await clientOf(baseUrl).join({ invitation: secret.jws, seal: publicJwkOf(keys.seal) });
  const store = openMemoryStore();
  const chain = await openAuditChain({ store, random, signer }, { org: claims.org, agentId });
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: quiet });
  const shipper = createAuditShipper({ store, queue, chain, signer, clock }, { org: claims.org, agentId, maxEvents: 50 });
  const actor = { type: "agent", id: agentId, role: "finance" } as const;
  const draft = { actor, action: "task.state", target: "task:1", result: "ok", traceId: "0".repeat(32) } as const;
  return {
    agentId,
    clientOf,
    secret,
    chain,
    async act(count: number) {
      await queue.run((tx) => {
        for (let i = 0; i < count; i++) tx.audit(draft);
      });
    },
    ship: (url: string) => shipAudit(shipper, chain, clientOf(url)),
  };
};
const textOf = async (lines: AsyncIterable<string>): Promise<string> => {
  let text = "";
  for await (const line of lines) text += line;
  return text;
};
async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += 1_000) yield Buffer.from(text.slice(at, at + 1_000));
}
const exported = async (url: string) => {
  const signer = await adminSigner(org);
  const { org: id } = JSON.parse(await readFile(join(org, "bootstrap", "node.json"), "utf8"));
  return createBootstrapClient({ signer, clock, random, fetch }, { baseUrl: url, org: id }).exportAudit({ asAdmin: true });
};
const exportText = async (url: string): Promise<string> => {
  const parts: Uint8Array[] = [];
  for await (const part of await exported(url)) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
};

const makeHome = async (): Promise<void> => {
  home = await mkdtemp(join(tmpdir(), "gaggle-backup-"));
  org = join(home, "org");
  nodes = [];
  await orgInit({ dir: org, installDir, content: "sample" }, out, deps);
  await orgSign({ dir: org }, out, deps);
};
const removeHome = async (): Promise<void> => {
  await stop();
  await rm(home, { recursive: true, force: true });
};

describe("a backup of a bootstrap node", () => {
  beforeEach(makeHome);
  afterEach(removeHome);

  it("is taken while others write, is of one moment, and makes a node that knows its members and their audit", async () => {
    const node = await start();
    const fiona = await enrol(await invite(node.url));
    await fiona.act(200);
    const backup = textOf(takeBackup(deps, join(org, "bootstrap")));
    await Promise.all([backup, fiona.ship(node.url)]);
    await stop();
    const restored = join(home, "restored");
    await restoreBackup({ clock }, bytesOf(await backup), { dir: restored, replace: false });
    const again = await start(restored);
    // No invitation is needed: the node knows the agent, and takes from where it is.
    expect(await fiona.clientOf(again.url).renew()).toContain(".");
    // With its next event it hears that the node is behind, wherever the backup's moment fell.
    await fiona.act(1);
    await fiona.ship(again.url);
    const verdict = await verifyExport(await exported(again.url), { rootFingerprint: fiona.secret.rootFingerprint });
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.agents.find(({ agentId }) => agentId === fiona.agentId)).toMatchObject({ events: fiona.chain.head().seq });
  });

  it("that is older than what agents have sent makes them send again from there, without a fork, and the node's own chain says why it goes on elsewhere", async () => {
    const node = await start();
    const fiona = await enrol(await invite(node.url));
    await fiona.act(60);
    await fiona.ship(node.url);
    const backup = await textOf(takeBackup(deps, join(org, "bootstrap")));
    await fiona.act(60);
    await fiona.ship(node.url);
    const before = fiona.chain.head();
    await stop();
    await restoreBackup({ clock }, bytesOf(backup), { dir: join(org, "bootstrap"), replace: true });
    const again = await start();
    await fiona.act(1);
    await fiona.ship(again.url);
    const lines = (await exportText(again.url))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const events = lines.flatMap(({ kind, event }) => (kind === "event" ? [event] : []));
    const mine = events.filter(({ agentId }) => agentId === fiona.agentId);
    expect(mine.at(-1)).toMatchObject({ seq: fiona.chain.head().seq, hash: fiona.chain.head().hash });
    expect(mine.find(({ seq }) => seq === before.seq)).toMatchObject({ hash: before.hash });
    const own = events.filter(({ agentId }) => agentId === again.agentId).map(({ action }) => action);
    expect(own).toContain("node.restore");
    expect(own).not.toContain("audit.fork");
    // A restart later says it no second time.
    await stop();
    expect((await exportText((await start()).url)).match(/"node\.restore"/g)).toHaveLength(1);
  });

  it("makes invitations of before void, since nobody knows which were redeemed, and takes new ones", async () => {
    const node = await start();
    const backup = await textOf(takeBackup(deps, join(org, "bootstrap")));
    const link = await invite(node.url);
    await enrol(link);
    await stop();
    // Invitations count whole seconds.
    await expect.poll(() => Math.floor(Date.now() / 1_000)).toBeGreaterThan(parseInvitation(link).claims.iat);
    await restoreBackup({ clock }, bytesOf(backup), { dir: join(org, "bootstrap"), replace: true });
    const again = await start();
    await expect(enrol(link.replace(node.url, again.url))).rejects.toThrow(code("INVITATION_INVALID"));
    const restoredAt = Date.now();
    await expect.poll(() => Math.floor(Date.now() / 1_000) * 1_000).toBeGreaterThan(restoredAt);
    await enrol(await invite(again.url));
  });

  it("is a file that only its owner can read, and never written over another", async () => {
    await start();
    const file = join(home, "node.backup");
    await bootstrapBackup({ out }, { dir: join(org, "bootstrap"), file });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await expect(bootstrapBackup({ out }, { dir: join(org, "bootstrap"), file })).rejects.toThrow(code("CONFLICT"));
    await stop();
    // The same without a running node.
    await bootstrapBackup({ out }, { dir: join(org, "bootstrap"), file: join(home, "second.backup") });
    await bootstrapRestore({ out }, { dir: join(home, "restored"), file: join(home, "second.backup"), replace: false });
    expect(await readdir(join(home, "restored"))).toEqual(expect.arrayContaining(["keys", "node.json", "store"]));
    expect((await stat(join(home, "restored", "keys", "issuer.json"))).mode & 0o777).toBe(0o600);
    await start(join(home, "restored"));
  });

  it("and a restore go to the folders that the command line names", async () => {
    const program = (): Command => {
      const made = new Command().option("--json").exitOverride();
      addAdminCommands(made);
      return made;
    };
    const run = (...args: string[]) => program().parseAsync(["bootstrap", ...args, "--json"], { from: "user" });
    const [file, dir] = [join(home, "by-command.backup"), join(home, "by-command")];
    const told = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    await run("backup", file, "--dir", join(org, "bootstrap"));
    await run("restore", "--dir", dir, file);
    await expect(run("restore", file, "--dir", dir)).rejects.toThrow(code("CONFLICT"));
    await run("restore", file, "--replace", "--dir", dir);
    told.mockRestore();
    expect(await readdir(dir)).toContain("node.json");
  });

  it("asks nobody on the port of a node that was killed, and says so where a running one can't be asked", async () => {
    const dir = join(org, "bootstrap");
    const asked: string[] = [];
    const impostor = async (url: unknown) => {
      asked.push(String(url));
      return new Response('["member/x","planted"]\n');
    };
    const left = JSON.stringify({ v: 1, url: "http://127.0.0.1:9", token: "x".repeat(43) });
    await writeFile(join(dir, "ops.json"), left, { mode: 0o600 });
    expect(await textOf(takeBackup({ clock, fetch: impostor }, dir))).not.toContain("planted");
    expect(asked).toEqual([]);
    await start();
    await rm(join(dir, "ops.json"));
    await expect(textOf(takeBackup(deps, dir))).rejects.toThrow(code("CONFLICT"));
  });

  it("is given to who reads the node's folder alone", async () => {
    const node = await start();
    const answer = await fetch(`${node.opsUrl}/backup`, { headers: { authorization: `Bearer ${"x".repeat(43)}` } });
    expect(answer.status).toBe(401);
    expect((await fetch(`${node.url}/backup`)).status).toBe(404);
    expect((await stat(join(org, "bootstrap", "ops.json"))).mode & 0o777).toBe(0o600);
    await stop();
    await expect(stat(join(org, "bootstrap", "ops.json"))).rejects.toThrow("ENOENT");
  });
});

describe("a restore", () => {
  beforeAll(makeHome);
  afterAll(removeHome);

  const whole = (): Promise<string> => textOf(takeBackup(deps, join(org, "bootstrap")));

  it.each([
    ["is cut", (text: string) => text.slice(0, -200)],
    ["lacks a line", (text: string) => text.split("\n").toSpliced(3, 1).join("\n")],
    ["was altered", (text: string) => text.replace('"createdAt":"2', '"createdAt":"3')],
    ["goes on after its end", (text: string) => `${text}["a","b"]\n`],
    ["is something else", () => "hello\n"],
    ["is empty", () => ""],
  ])("of a backup that %s is refused, and leaves nothing behind", async (_, change) => {
    const text = await whole();
    const changed = change(text);
    expect(changed).not.toBe(text);
    await expect(restoreBackup({ clock }, bytesOf(changed), { dir: join(home, "restored"), replace: false })).rejects.toThrow(
      code("INVALID_INPUT"),
    );
    expect(await readdir(home)).toEqual(["org"]);
  });

  it.each(["../node.json", "keys/../../x.json", "/etc/x.json", "keys\\x.json", "store/CURRENT"])(
    "writes no file at %s, whoever sealed the backup",
    async (path) => {
      async function* lines(): AsyncGenerator<string> {
        const [first = ""] = (await whole()).split("\n");
        yield `${first}\n`;
        yield `${JSON.stringify({ kind: "file", path, text: "{}" })}\n`;
      }
      const text = await textOf(sealed(lines()));
      await expect(restoreBackup({ clock }, bytesOf(text), { dir: join(home, "restored"), replace: false })).rejects.toThrow(
        code("INVALID_INPUT"),
      );
      expect(await readdir(home)).toEqual(["org"]);
    },
  );

  it("changes no folder that holds something, unless told; and never that of a running node", async () => {
    const backup = await textOf(takeBackup(deps, join(org, "bootstrap")));
    const dir = join(home, "taken");
    await mkdir(dir);
    await writeFile(join(dir, "notes.txt"), "mine");
    await expect(restoreBackup({ clock }, bytesOf(backup), { dir, replace: false })).rejects.toThrow(code("CONFLICT"));
    expect(await readdir(dir)).toEqual(["notes.txt"]);
    const { before } = await restoreBackup({ clock }, bytesOf(backup), { dir, replace: true });
    expect(await readFile(join(before ?? "", "notes.txt"), "utf8")).toBe("mine");
    await start();
    const running = { dir: join(org, "bootstrap"), replace: true };
    await expect(restoreBackup({ clock }, bytesOf(backup), running)).rejects.toThrow(code("CONFLICT"));
  });
});
