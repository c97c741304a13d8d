import { chmod, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agentKeyPath, ensureAgentKeys, readAgentKeys, readSigningKey, writeSigningKey } from "../../../../mesh/identity/key-file.ts";
import { generateSigningKey } from "../../../../mesh/identity/keys.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";

const code = (name: string, message = "") => expect.objectContaining({ code: name, message: expect.stringContaining(message) });
const posix = process.platform !== "win32";

describe("key files", () => {
  let dir: string;
  let keysDir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "gaggle-keys-"));
    keysDir = join(dir, "keys");
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("are made once and read again", async () => {
    const made = await ensureAgentKeys(keysDir, seededRandom("a"));
    expect(await ensureAgentKeys(keysDir, seededRandom("b"))).toEqual(made);
    expect(await readAgentKeys(keysDir)).toEqual(made);
    expect(await readdir(keysDir)).toEqual(["agent.json"]);
  });

  it.runIf(posix)("can be read by their owner alone", async () => {
    await ensureAgentKeys(keysDir, seededRandom("a"));
    expect((await stat(agentKeyPath(keysDir))).mode & 0o777).toBe(0o600);
    expect((await stat(keysDir)).mode & 0o777).toBe(0o700);
  });

  it.runIf(posix)("that others can read are refused, and the error names the fix", async () => {
    await ensureAgentKeys(keysDir, seededRandom("a"));
    await chmod(agentKeyPath(keysDir), 0o640);
    await expect(readAgentKeys(keysDir)).rejects.toThrow(code("CREDENTIAL_INVALID", "chmod 600"));
    await chmod(agentKeyPath(keysDir), 0o600);
    await chmod(keysDir, 0o755);
    await expect(readAgentKeys(keysDir)).rejects.toThrow(code("CREDENTIAL_INVALID", "chmod 700"));
  });

  it.runIf(posix)("are not written into a folder that others can read, nor read through a link", async () => {
    await ensureAgentKeys(keysDir, seededRandom("a"));
    await chmod(keysDir, 0o755);
    await expect(writeSigningKey(join(keysDir, "root.json"), generateSigningKey(seededRandom("r")))).rejects.toThrow(
      code("CREDENTIAL_INVALID"),
    );
    await chmod(keysDir, 0o700);
    await symlink(agentKeyPath(keysDir), join(keysDir, "link.json"));
    await expect(readSigningKey(join(keysDir, "link.json"), "root key")).rejects.toThrow(code("CREDENTIAL_INVALID"));
  });

  it("that are missing say how to join", async () => {
    await expect(readAgentKeys(keysDir)).rejects.toThrow(code("NOT_JOINED", "gaggle join"));
  });

  it("that are damaged are refused without quoting them", async () => {
    await ensureAgentKeys(keysDir, seededRandom("a"));
    await writeFile(agentKeyPath(keysDir), '{"v":1,"sign":"leaked"');
    const error = await readAgentKeys(keysDir).catch((caught: unknown) => caught);
    expect(error).toEqual(code("INVALID_INPUT"));
    expect(String(error)).not.toContain("leaked");
  });

  it("of single keys are never overwritten", async () => {
    const path = join(keysDir, "root.json");
    const key = generateSigningKey(seededRandom("a"));
    await writeSigningKey(path, key);
    await expect(writeSigningKey(path, generateSigningKey(seededRandom("b")))).rejects.toThrow(code("CONFLICT"));
    expect(await readSigningKey(path, "root key")).toEqual(key);
  });
});
