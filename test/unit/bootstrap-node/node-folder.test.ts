import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readNodeFolder } from "../../../bootstrap-node/node-folder.ts";
import { seededRandom } from "../../support/seeded-keys.ts";
import { tempFolder } from "../../support/temp-home.ts";

describe("a bootstrap node's folder", () => {
  it("is not believed where others can write it or the file that names the organisation", async () => {
    const dir = tempFolder();
    const file = join(dir, "node.json");
    writeFileSync(file, "{}", { mode: 0o600 });
    for (const path of [dir, file]) {
      chmodSync(path, 0o770);
      await expect(readNodeFolder(dir, seededRandom("node"))).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
      chmodSync(path, 0o700);
    }
    // Then it is read, and is none.
    await expect(readNodeFolder(dir, seededRandom("node"))).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});
