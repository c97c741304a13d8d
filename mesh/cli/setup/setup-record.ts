/** What setup changed, kept in the agent's home (`goose-setup.json`), so that it can be undone. One record for each Goose. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { sha256 } from "../../contract/ids.ts";
import { parseAs, parseJson } from "../../contract/json.ts";
import { configBefore } from "./goose-config.ts";
import { readIfThere, replaceFile } from "./replace-file.ts";

const record = z.strictObject({
  configFile: z.string(),
  /** Whether there was a `config.yaml` before the first setup. */
  existed: z.boolean(),
  /** SHA-256 of the `config.yaml` that setup wrote. */
  wrote: sha256,
  /** SHA-256 of the user's text to which the written one can go back byte for byte; null where they changed it since. */
  original: sha256.nullable(),
  before: configBefore,
  /** SHA-256 of the provider's and the plugin's files as setup wrote them, by path. */
  files: z.record(z.string(), sha256).optional(),
});
/** What setup changed in one Goose. */
export type SetupRecord = z.infer<typeof record>;

const records = z.strictObject({ v: z.literal(1), records: z.array(record) });
const recordsFile = (home: string): string => join(home, "goose-setup.json");

/** SHA-256 of a text, to tell whether it changed. */
export const textHash = (text: string): string => createHash("sha256").update(text).digest("hex");

function readRecords(home: string): SetupRecord[] {
  const text = readIfThere(recordsFile(home));
  return text === undefined ? [] : parseAs(records, parseJson(text, recordsFile(home)), recordsFile(home)).records;
}

const others = (home: string, configFile: string): SetupRecord[] => readRecords(home).filter((one) => one.configFile !== configFile);

const write = (home: string, all: readonly SetupRecord[]): void =>
  replaceFile(recordsFile(home), `${JSON.stringify({ v: 1, records: all }, null, 2)}\n`, 0o600, true);

/** What an earlier setup changed in the Goose of this `config.yaml`, or undefined. @throws GaggleError INVALID_INPUT for a damaged record */
export const recallSetup = (home: string, configFile: string): SetupRecord | undefined =>
  readRecords(home).find((one) => one.configFile === configFile);

/** Keeps what setup changes; called before the change, so that a crash in between can be undone too. */
export const rememberSetup = (home: string, one: SetupRecord): void => write(home, [...others(home, one.configFile), one]);

/** Forgets one Goose. */
export function forgetSetup(home: string, configFile: string): void {
  if (recallSetup(home, configFile) !== undefined) write(home, others(home, configFile));
}
