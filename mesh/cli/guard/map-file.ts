/** A file that says what the tokens of a masked text stand for, for a person who wants to restore it later without a daemon. In the clear. */
import { open, readFile, unlink } from "node:fs/promises";
import { z } from "zod";
import { GaggleError, systemCode } from "../../contract/errors.ts";
import { parseAs, parseJson } from "../../contract/json.ts";
import { asSeen } from "../output.ts";

const mapFile = z.strictObject({
  v: z.literal(1),
  kind: z.literal("gaggle-guard-map"),
  note: z.string(),
  tokens: z.record(z.string(), z.string()),
});

const NOTE =
  "This file holds personal data and secrets in the clear. Keep it as safe as the text itself, and delete it when it is no longer needed.";

/** A new map file that is being filled. */
export interface MapFileWriter {
  /** Writes what the tokens stand for. */
  finish(issued: Iterable<{ readonly token: string; readonly surface: string }>): Promise<void>;
  /** Removes the file, since nothing can be restored with it. */
  abandon(): Promise<void>;
}

/**
 * Makes a new file that only the user can read, before anything is masked.
 * @throws GaggleError CONFLICT where there is a file of that name: the values of another text may be in it
 */
export async function createMapFile(path: string): Promise<MapFileWriter> {
  const file = await open(path, "wx", 0o600).catch((cause: unknown) => {
    if (systemCode(cause) !== "EEXIST") throw cause;
    throw new GaggleError("CONFLICT", `${asSeen(path)} exists already. Name another file for the map, or remove that one.`, { cause });
  });
  return {
    finish: async (issued) => {
      const tokens = Object.fromEntries(Array.from(issued, ({ token, surface }) => [token, surface]));
      await file.writeFile(`${JSON.stringify({ v: 1, kind: "gaggle-guard-map", note: NOTE, tokens }, null, 1)}\n`);
      await file.sync();
      await file.close();
    },
    abandon: async () => {
      await file.close();
      await unlink(path);
    },
  };
}

/** Reads a map file: token → text. @throws GaggleError INVALID_INPUT for another file; the system's error where it can't be read */
export async function readMapFile(path: string): Promise<ReadonlyMap<string, string>> {
  const what = `The map ${asSeen(path)}`;
  return new Map(Object.entries(parseAs(mapFile, parseJson(await readFile(path, "utf8"), what), what).tokens));
}
