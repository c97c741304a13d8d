import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openLevelStore } from "../../mesh/store/level-store.ts";
import { describeOrderedStore } from "./ordered-store.ts";

describeOrderedStore("LevelDB", async () => {
  const dir = await mkdtemp(path.join(tmpdir(), "gaggle-store-"));
  return { open: () => openLevelStore(dir), remove: () => rm(dir, { recursive: true }) };
});
