/**
 * A backup as lines of JSON: what it is, the files of the node's folder, every pair of its store, and at the end a count and a hash, so that a cut or
 * altered file shows. docs/bootstrap-node.md describes it.
 */
import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { orgId, sha256 } from "../../mesh/contract/ids.ts";
import { parseJson } from "../../mesh/contract/json.ts";

/** Longest line that is read, in characters: a deposit of the largest size class, and what JSON adds. */
export const MAX_BACKUP_LINE = 33_554_432;

const header = z.strictObject({ kind: z.literal("gaggle-bootstrap-backup"), v: z.literal(1), org: orgId, createdAt: z.iso.datetime() });
const file = z.strictObject({ kind: z.literal("file"), path: z.string().max(300), text: z.string() });
const pair = z.tuple([z.string().min(1), z.string()]);
const end = z.strictObject({ kind: z.literal("end"), lines: z.int().min(1), sha256 });

/** A line of a backup. A pair of the store is an array of two. */
export const backupLine = z.union([pair, z.discriminatedUnion("kind", [header, file, end])]);
/** The first line. */
export type BackupHeader = z.infer<typeof header>;
/** A file of the folder: its path with `/`, and its text. */
export type BackupFile = z.infer<typeof file>;

/** The store's pairs as lines. */
export async function* storeLines(pairs: AsyncIterable<[string, string]>): AsyncGenerator<string> {
  for await (const one of pairs) yield `${JSON.stringify(one)}\n`;
}

/** Adds the last line: how many came before, and the SHA-256 over them. */
export async function* sealed(lines: AsyncIterable<string>): AsyncGenerator<string> {
  const hash: Hash = createHash("sha256");
  let count = 0;
  for await (const line of lines) {
    hash.update(line);
    count++;
    yield line;
  }
  yield `${JSON.stringify({ kind: "end", lines: count, sha256: hash.digest("hex") } satisfies z.infer<typeof end>)}\n`;
}

/** The lines of a backup, without the last, which is checked. @throws GaggleError INVALID_INPUT where it is none, or was cut or altered */
export async function* unsealed(lines: AsyncIterable<string>): AsyncGenerator<Exclude<z.infer<typeof backupLine>, z.infer<typeof end>>> {
  const hash: Hash = createHash("sha256");
  let count = 0;
  let ended = false;
  for await (const line of lines) {
    if (ended || line.length > MAX_BACKUP_LINE) throw damaged();
    const parsed = backupLine.safeParse(parseLine(line));
    if (!parsed.success) throw damaged();
    if ("kind" in parsed.data && parsed.data.kind === "end") {
      if (parsed.data.lines !== count || parsed.data.sha256 !== hash.digest("hex")) throw damaged();
      ended = true;
      continue;
    }
    hash.update(`${line}\n`);
    count++;
    yield parsed.data;
  }
  if (!ended) throw damaged();
}

function parseLine(line: string): unknown {
  try {
    return parseJson(line, "The backup");
  } catch {
    return undefined;
  }
}

const damaged = (): GaggleError =>
  new GaggleError(
    "INVALID_INPUT",
    "This is no whole backup of a bootstrap node: it was cut, altered, or is something else. Take another one.",
  );
