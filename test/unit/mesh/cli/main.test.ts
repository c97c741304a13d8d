/** The `gaggle` program itself, as a process: exit codes, help, errors. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { testPort } from "../../../support/test-port.ts";
import { createProgram } from "../../../../mesh/cli/program.ts";
import { VERSION } from "../../../../mesh/contract/version.ts";
import { createInvitation } from "../../../../mesh/identity/invitation.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const MAIN = join(import.meta.dirname, "../../../../mesh/cli/main.ts");

function start(args: readonly string[], stdout: "pipe" | number = "pipe"): ChildProcessByStdio<Writable, Readable, Readable> {
  const home = tempFolder();
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, HOME: home, GAGGLE_HOME: join(home, "agent"), NO_COLOR: "1" };
  // With a file in place of the pipe there is no `stdout` to read, and nobody reads it.
  return spawn(process.execPath, [MAIN, ...args], { env, cwd: home, stdio: ["pipe", stdout, "pipe"] }) as ChildProcessByStdio<
    Writable,
    Readable,
    Readable
  >;
}

async function endOf(child: ReturnType<typeof start>): Promise<{ code: number | null; stderr: string }> {
  const [[code], stderr] = await Promise.all([once(child, "close") as Promise<[number | null]>, text(child.stderr).catch(() => "")]);
  return { code, stderr };
}

async function gaggle(args: readonly string[], input = ""): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = start(args);
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

/** A command's own commands, and theirs; each with the words that call it. */
const withInner = (command: Command, words: readonly string[]): readonly [words: readonly string[], command: Command][] =>
  command.commands.flatMap((inner) => {
    const called = [...words, inner.name()];
    return [[called, inner] as const, ...withInner(inner, called)];
  });
const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent));
const commands = withInner(createProgram(false), []);

describe("every command", () => {
  it("is there", () =>
    expect(commands.map(([words]) => words.join(" "))).toEqual(
      expect.arrayContaining([
        "join",
        "setup",
        "agent",
        "status",
        "peers",
        "send",
        "inbox",
        "outbox",
        "dead",
        "approve",
        "audit",
        "doctor",
        "org",
        "org revoke",
      ]),
    ));

  it.each(commands)("%j has --help, which ends with 0 and says what it does", async (words, command) => {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).exitOverride();
    const asked = rootOf(command).parseAsync([...words, "--help"], { from: "user" });
    await expect(asked).rejects.toMatchObject({ exitCode: 0, code: "commander.helpDisplayed" });
    expect(help).toMatch(new RegExp(`^Usage: gaggle ${words.join(" ")}\\b.*\\n\\n\\S`));
  });

  it("has it as a process, with nothing on stderr", async () => {
    const [all, one] = await Promise.all([gaggle(["--help"]), gaggle(["org", "revoke", "--help"])]);
    expect([all.code, all.stderr, one.code, one.stderr]).toEqual([0, "", 0, ""]);
    expect(all.stdout).toMatch(/^Usage: gaggle [\s\S]*Commands:\n/);
    expect(one.stdout).toMatch(/^Usage: gaggle org revoke\b.*\n\n\S/);
  });
});

describe("the program", () => {
  it("tells its version", async () => expect(await gaggle(["--version"])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" }));

  it.each([
    [["nonsense"], /unknown command 'nonsense'[\s\S]*gaggle --help/],
    [["send"], /missing required argument 'task'/],
    [["status", "--nonsense"], /unknown option '--nonsense'/],
    [["bootstrap", "--port", "70000"], /INVALID_INPUT {2}A port is a number/],
    [["status"], /NOT_JOINED .*gaggle join/],
    [["audit", "verify", "nowhere.ndjson"], /NOT_FOUND {2}nowhere\.ndjson/],
    [["approve", "x", "--passphrase-stdin"], /NOT_JOINED/],
    [["approval-key"], /no terminal .*--passphrase-stdin/],
    [["org", "sign", "--dir", "nowhere"], /gaggle org init/],
  ])("ends %j with 1 and says on stderr what is wrong", async (args, problem) => {
    const { code, stdout, stderr } = await gaggle(args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(problem);
  });

  it.each([
    [["--json", "nonsense"], "INVALID_INPUT"],
    [["status", "--json"], "NOT_JOINED"],
    [["--json"], "INVALID_INPUT"],
    [["--json", "audit", "verify", "nowhere.ndjson"], "NOT_FOUND"],
  ])("with %j speaks of errors in JSON alone", async (args, code) => {
    const outcome = await gaggle(args);
    expect([outcome.code, outcome.stdout]).toEqual([1, ""]);
    expect(JSON.parse(outcome.stderr)).toEqual({ error: { code, message: expect.any(String), details: {} } });
  });

  it("ends quietly with the status of a broken pipe once nobody reads what it says", async () => {
    const [help, usage] = [start(["--help"]), start(["nonsense"])];
    help.stdout.destroy();
    usage.stderr.destroy();
    expect(await Promise.all([endOf(help), endOf(usage)])).toEqual([
      { code: 141, stderr: "" },
      { code: 141, stderr: "" },
    ]);
  });

  it("is no success where what it says went to a full disk", async () => {
    const full = openSync("/dev/full", "w");
    const children = [start(["--version"], full), start(["--json", "--version"], full)];
    closeSync(full);
    const [people, programs] = await Promise.all(children.map(endOf));
    expect(people).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^STORE_FAILED {2}The system refused to write a file \(ENOSPC\)/),
    });
    expect([programs?.code, JSON.parse(programs?.stderr ?? "")]).toMatchObject([1, { error: { code: "STORE_FAILED" } }]);
  });

  it("takes a passphrase's first line from stdin, and none that is empty", async () => {
    const made = await gaggle(["--json", "approval-key", "--passphrase-stdin"], "correct horse battery\r\nsecond line\n");
    expect([made.code, JSON.parse(made.stdout)]).toMatchObject([0, { created: true, key: { kty: "OKP", crv: "Ed25519" } }]);
    const empty = await gaggle(["approval-key", "--passphrase-stdin"], "\nsecond line\n");
    expect(empty.code).toBe(1);
    expect(empty.stderr).toContain("The passphrase is empty");
  });

  it("takes an invitation from stdin, where no other user of the machine sees the secret in it", async () => {
    const root = seededSigner("root");
    const link = createInvitation({
      baseUrl: `http://127.0.0.1:${await testPort()}`,
      org: orgIdOf(root.thumbprint),
      role: "finance",
      subject: "fiona.berg",
      rootFingerprint: root.thumbprint,
      pseudonymEpoch: 1,
      pseudonymKey: "A".repeat(43),
      signer: seededSigner("admin"),
      nowMs: Date.now(),
      random: seededRandom("invitation"),
    });
    // Read and understood: what is missing is the node that it names.
    expect((await gaggle(["join", "-"], `${link}\n`)).stderr).toMatch(/^PEER_UNREACHABLE {2}The bootstrap node/);
    expect((await gaggle(["join", "-"], "\n")).stderr).toMatch(/^INVITATION_INVALID/);
  });
});
