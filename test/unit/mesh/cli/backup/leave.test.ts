import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { homePaths } from "../../../../../mesh/agent/agent-config.ts";
import { leave, wipeHome } from "../../../../../mesh/cli/backup/leave.ts";
import { agentKeyPath } from "../../../../../mesh/identity/key-file.ts";
import { openLevelStore } from "../../../../../mesh/store/level-store.ts";
import { captureOutput } from "../../../../support/captured-output.ts";
import { joinedHome } from "../../../../support/joined-home.ts";
import { tempFolder } from "../../../../support/temp-home.ts";

describe("the home of an agent that left", () => {
  let home: string;

  beforeEach(async () => {
    home = join(tempFolder(), "home");
    await joinedHome(home);
    const { store, keys, artifacts, logs, runGoose, runFolders } = homePaths(home);
    await (await openLevelStore(store)).close();
    for (const folder of [keys, artifacts, logs, runGoose, runFolders]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(join(folder, "text-of-a-task"), "Sofie earns 4,812.07");
    }
    writeFileSync(agentKeyPath(keys), "{}");
    writeFileSync(join(home, "disk-reserve"), "");
  });

  it("holds no key and no text any more, also not what unattended runs of Goose kept", async () => {
    await wipeHome(home);
    expect(readdirSync(home)).toEqual([]);
  });

  it("is wiped to the end by the same command where it was cut off", async () => {
    rmSync(agentKeyPath(homePaths(home).keys));
    const { out, result } = captureOutput(true);
    const surroundings = { env: { GAGGLE_AUTOSTART: "never" }, home, installDir: "", node: "", out };
    await leave(surroundings, { yes: true });
    expect(readdirSync(home)).toEqual([]);
    expect(result()).toMatchObject({ left: true });
  });
});
