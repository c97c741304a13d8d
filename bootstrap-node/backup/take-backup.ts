/** Takes a backup of a node, running or not. Source: docs/decisions/0117-backup-of-a-running-node.md */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { errorCode, GaggleError } from "../../mesh/contract/errors.ts";
import { orgId } from "../../mesh/contract/ids.ts";
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import type { Clock } from "../../mesh/contract/ports.ts";
import { openLevelStore } from "../../mesh/store/level-store.ts";
import { OPS_FILE, opsFile } from "../ops-server.ts";
import { type BackupHeader, sealed, storeLines } from "./backup-lines.ts";
import { nodeFiles } from "./node-files.ts";

const nodeName = z.looseObject({ org: orgId });

/**
 * The lines of a backup: header, files, the store as it is at one moment, end.
 * @throws GaggleError NOT_FOUND (no node's folder), KEYS_LOCKED, CONFLICT (a node runs that can't be asked), UPSTREAM_FAILED (it broke off)
 */
export function takeBackup(deps: { clock: Pick<Clock, "now">; fetch: typeof globalThis.fetch }, dir: string): AsyncIterable<string> {
  return sealed(allLines(deps, dir));
}

async function* allLines(deps: { clock: Pick<Clock, "now">; fetch: typeof globalThis.fetch }, dir: string): AsyncGenerator<string> {
  const createdAt = new Date(deps.clock.now()).toISOString();
  for await (const file of nodeFiles(dir)) {
    if (file.path === "node.json") {
      const { org } = parseAs(nodeName, parseJson(file.text, "node.json"), "node.json");
      yield line({ kind: "gaggle-bootstrap-backup", v: 1, org, createdAt } satisfies BackupHeader);
    }
    yield line(file);
  }
  yield* storePart(deps.fetch, dir);
}

const line = (value: object): string => `${JSON.stringify(value)}\n`;

/** The store's lines: from the store itself, or from the node that holds it. Only its holder is asked, so that nobody else can answer on its port. */
async function* storePart(fetch: typeof globalThis.fetch, dir: string): AsyncGenerator<string> {
  const store = await openLevelStore(join(dir, "store")).catch((error: unknown) => {
    if (errorCode(error) === "CONFLICT") return undefined;
    throw error;
  });
  if (store === undefined) {
    yield* linesOf(await askNode(fetch, dir));
    return;
  }
  try {
    yield* storeLines(store.snapshot());
  } finally {
    await store.close();
  }
}

async function askNode(fetch: typeof globalThis.fetch, dir: string): Promise<AsyncIterable<Uint8Array>> {
  const cannot = (cause?: unknown): GaggleError =>
    new GaggleError(
      "CONFLICT",
      "The bootstrap node runs and can't be asked for a backup; is it starting or ending? Otherwise stop it.",
      cause === undefined ? {} : { cause },
    );
  const text = await readFile(join(dir, OPS_FILE), "utf8").catch((cause: unknown) => {
    throw cannot(cause);
  });
  const { url, token } = parseAs(opsFile, parseJson(text, OPS_FILE), OPS_FILE);
  const answer = await fetch(`${url}/backup`, { headers: { authorization: `Bearer ${token}` }, redirect: "error" }).catch(
    (cause: unknown) => {
      throw cannot(cause);
    },
  );
  if (!answer.ok || answer.body === null) throw cannot();
  return answer.body;
}

/** Splits a stream at line feeds; each line keeps its own. @throws GaggleError UPSTREAM_FAILED where it ends early */
async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const one of lines) yield `${one}\n`;
    }
  } catch (cause) {
    throw new GaggleError("UPSTREAM_FAILED", "The bootstrap node ended before the backup was whole; take it again.", { cause });
  }
  if (rest !== "") throw new GaggleError("UPSTREAM_FAILED", "The bootstrap node ended before the backup was whole; take it again.");
}
