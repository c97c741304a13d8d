import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  AGENT_HOME,
  archiveLines,
  newBackup,
  openBackupKey,
  recoveredMark,
  restoreFolder,
} from "../../../../../mesh/agent/backup/folder-archive.ts";
import { readHeader, readSealed, writeSealed } from "../../../../../mesh/agent/backup/sealed-stream.ts";
import { readSecretFile, writeSecretFile } from "../../../../../mesh/identity/secret-file.ts";
import { openLevelStore } from "../../../../../mesh/store/level-store.ts";
import { z } from "zod";
import { tempFolder } from "../../../../support/temp-home.ts";

const PASSPHRASE = "a passphrase of a backup";
const refused = { code: "CREDENTIAL_INVALID" };

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}
async function* of(...lines: string[]): AsyncGenerator<string> {
  yield* lines;
}

/** A home with a configuration, a key, a token, a log and a reserve that stay, and a store of some pairs. */
async function makeHome(): Promise<string> {
  const home = tempFolder();
  await writeFile(join(home, "config.json"), '{"v":2}');
  await writeSecretFile(join(home, "keys", "agent.json"), { d: "the-agent-key" });
  await writeSecretFile(join(home, "keys", "approval.json"), { d: "encrypted already" }, { asIs: true });
  await writeFile(join(home, "keys", "gateway-token"), "token");
  await mkdir(join(home, "logs"));
  await writeFile(join(home, "logs", "agent.log"), "a long log");
  await writeFile(join(home, "disk-reserve"), new Uint8Array(1_000));
  const store = await openLevelStore(join(home, "store"));
  const puts = Array.from({ length: 2_500 }, (_, i) => ({
    type: "put" as const,
    key: `k/${String(i).padStart(5, "0")}`,
    value: `the-value-${i}`,
  }));
  await store.batch(puts, { sync: true });
  await store.close();
  return home;
}

async function backUp(home: string): Promise<string> {
  const file = join(tempFolder(), "backup");
  const { header, key } = await newBackup("agent", PASSPHRASE, 0, 32_768);
  const store = await openLevelStore(join(home, "store"));
  await writeSealed(file, header, key, archiveLines(home, AGENT_HOME, store.snapshot()));
  await store.close();
  return file;
}

const recover = async (file: string, dir: string, passphrase = PASSPHRASE): Promise<void> => {
  const { key, createdAt } = await openBackupKey(await readHeader(file), passphrase);
  await restoreFolder(dir, "config.json", createdAt, readSealed(file, key));
};

// Scrypt and a thousand pairs take their time on a busy machine.
describe("a backup of an agent", { timeout: 60_000 }, () => {
  it("brings files, keys and store back, says that it has to be confirmed, and shows nothing without its passphrase", async () => {
    const file = await backUp(await makeHome());
    const raw = await readFile(file, "latin1");
    for (const secret of ["the-agent-key", "the-value-7", "token"]) expect(raw).not.toContain(secret);
    const dir = join(tempFolder(), "home");
    await recover(file, dir);
    expect((await readdir(dir)).toSorted()).toEqual(["config.json", "keys", "recovered.json", "store"]);
    expect(await readSecretFile(join(dir, "keys", "agent.json"), z.object({ d: z.string() }))).toEqual({ d: "the-agent-key" });
    expect(await readFile(join(dir, "keys", "gateway-token"), "utf8")).toBe("token");
    const store = await openLevelStore(join(dir, "store"));
    expect(await store.range({ gte: "", lt: "~" })).toHaveLength(2_500);
    expect(store.get("k/02499")).toBe("the-value-2499");
    await store.close();
  });

  it("goes into an empty folder alone, and one that was cut off is begun anew", async () => {
    const home = await makeHome();
    const file = await backUp(home);
    await expect(recover(file, home)).rejects.toMatchObject({ code: "CONFLICT" });
    const other = tempFolder();
    await writeFile(join(other, "mine.txt"), "x");
    await expect(recover(file, other)).rejects.toMatchObject({ code: "CONFLICT" });
    const dir = tempFolder();
    const half = of('{"is":"file","path":"keys/gateway-token","base64":"eA=="}');
    await expect(restoreFolder(dir, "config.json", "", half)).rejects.toMatchObject(refused);
    expect(await readdir(dir)).not.toContain("config.json");
    await writeFile(join(dir, "of-another-backup.json"), "{}");
    await recover(file, dir);
    expect((await readdir(dir)).toSorted()).toEqual(["config.json", "keys", "recovered.json", "store"]);
    expect(await readFile(recoveredMark(dir), "utf8")).toContain("1970");
  });

  it("never takes the place of another file, which may be the only good backup", async () => {
    const home = await makeHome();
    const file = await backUp(home);
    const before = await readFile(file);
    const { header, key } = await newBackup("agent", PASSPHRASE, 0, 32_768);
    await expect(writeSealed(file, header, key, archiveLines(home, AGENT_HOME, undefined))).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await readFile(file)).toEqual(before);
  });

  it("is refused with a wrong passphrase, altered, cut off, extended, with chunks swapped, or with paths that lead out", async () => {
    const file = await backUp(await makeHome());
    await expect(recover(file, join(tempFolder(), "x"), "another passphrase")).rejects.toMatchObject(refused);
    const bytes = await readFile(file);
    const { key } = await openBackupKey(await readHeader(file), PASSPHRASE);
    const start = bytes.indexOf(10) + 1;
    const first = start + 4 + bytes.readUInt32BE(start);
    const second = first + 4 + bytes.readUInt32BE(first);
    expect(second).toBeLessThan(bytes.length);
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 20] = (flipped[bytes.length - 20] ?? 0) ^ 1;
    const header = Buffer.from(bytes);
    header.write("2", bytes.indexOf("1970"));
    const broken = {
      flipped,
      header,
      cut: bytes.subarray(0, first),
      half: bytes.subarray(0, bytes.length - 1),
      extended: Buffer.concat([bytes, bytes.subarray(start, first)]),
      swapped: Buffer.concat([
        bytes.subarray(0, start),
        bytes.subarray(first, second),
        bytes.subarray(start, first),
        bytes.subarray(second),
      ]),
      empty: bytes.subarray(0, start),
    };
    for (const [name, content] of Object.entries(broken)) {
      const path = join(tempFolder(), name);
      await writeFile(path, content);
      await expect(collect(readSealed(path, key)), name).rejects.toMatchObject(refused);
    }
    const out = of('{"is":"file","path":"../../evil","base64":"eA=="}', '{"is":"end","entries":1}');
    await expect(restoreFolder(join(tempFolder(), "y"), "config.json", "", out)).rejects.toMatchObject({
      code: "INVALID_INPUT",
    });
  });
});
