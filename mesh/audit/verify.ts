/** Verifies an audit export by itself, as a stream. What it proves and what it can't: docs/audit-format.md. */
import { createHash } from "node:crypto";
import { TextDecoder } from "node:util";
import type { AuditFilter, AuditLogHead } from "../contract/audit.ts";
import { type BundleManifest, bundleManifest } from "../contract/bundle.ts";
import { canonicalJson, parseJson } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS, RETENTION_DAYS } from "../contract/limits.ts";
import { unverifiedPayloadOf, verifyJws } from "../identity/jws.ts";
import { rootsAfter } from "../identity/root-chain.ts";
import { thumbprintOf } from "../identity/keys.ts";
import { EXPORT_TYP, type ExportLine, exportLine, type ExportStatement, exportStatement, MAX_EXPORT_LINE_BYTES } from "./export-format.ts";
import { readLines, type RawLine } from "./read-lines.ts";
import { verifyLogHead } from "./receipt.ts";
import { type AgentSummary, createChainVerifier, type ExportProblem, type ExportProblemCode, type Report } from "./verify-chains.ts";

const DAY_MS = 86_400_000;
/** Most problems kept; the first one says where the file was touched. */
const MAX_PROBLEMS = 100;

/** What the verifier found. */
export interface ExportVerdict {
  /** True only where nothing at all is wrong. */
  readonly ok: boolean;
  readonly events: number;
  readonly agents: readonly AgentSummary[];
  /** In order of lines; at most {@link MAX_PROBLEMS}. */
  readonly problems: readonly ExportProblem[];
  readonly org?: string;
  /** Thumbprint of the root key that signed the manifests. Unless `pinned`, compare it with the one you know. */
  readonly rootFingerprint?: string;
  /** True where the root was compared with the fingerprint that the caller knows. */
  readonly pinned: boolean;
  readonly createdAt?: string;
  /** Which events are there in full; left out where all are. */
  readonly filter?: AuditFilter;
  /** The node's signed log, as large as it was at the export. */
  readonly log?: { readonly size: number; readonly root: string };
}

/** What the manifests of the export establish. */
interface Trust {
  readonly org: string;
  readonly root: string;
  readonly issuers: BundleManifest["issuers"];
  /** How long each manifest wants events kept, while it counted. */
  readonly retention: readonly Pick<BundleManifest, "expiresAt" | "retentionDays">[];
}

function readManifest(jws: string, before: Trust | undefined, expectedRoot: string | undefined, report: Report): Trust | undefined {
  let manifest: BundleManifest;
  try {
    manifest = bundleManifest.parse(unverifiedPayloadOf(jws, MAX_EXPORT_LINE_BYTES));
    verifyJws({ jws, typ: "gaggle-bundle+jws", key: manifest.root, maxBytes: MAX_EXPORT_LINE_BYTES });
  } catch {
    report("MANIFEST_INVALID", "The manifest is not signed by the root key that it names.");
    return before;
  }
  const root = thumbprintOf(manifest.root);
  if (!mayFollow(before?.root ?? expectedRoot ?? root, manifest, root) || manifest.org !== (before?.org ?? manifest.org)) {
    report("ROOT_MISMATCH", "The manifest is of another root key or organisation than expected.");
    return before;
  }
  const { expiresAt, retentionDays = RETENTION_DAYS } = manifest;
  return {
    org: manifest.org,
    root,
    issuers: [...(before?.issuers ?? []), ...manifest.issuers],
    retention: [...(before?.retention ?? []), { expiresAt, retentionDays }],
  };
}

/**
 * Up to which time events may be gone: by each manifest what was older than its days while it counted. An older manifest with fewer days can't be used to
 * forget what came after it.
 */
const keptFrom = ({ retention }: Trust, createdAt: string): number =>
  Math.max(
    ...retention.map(
      ({ expiresAt, retentionDays = RETENTION_DAYS }) =>
        Math.min(Date.parse(createdAt), Date.parse(expiresAt)) - retentionDays * DAY_MS + CLOCK_LEEWAY_MS,
    ),
  );

/** Whether the expected root is the manifest's, or was followed by it in steps that both of each signed. */
function mayFollow(expected: string, { rotation = [], org }: BundleManifest, root: string): boolean {
  try {
    return rootsAfter(expected, rotation, org).at(-1) === root;
  } catch {
    return false;
  }
}

const payloadOf = (jws: string): unknown => {
  try {
    return unverifiedPayloadOf(jws, MAX_EXPORT_LINE_BYTES);
  } catch {
    return undefined;
  }
};

/** The line as an object, or undefined where it is not one of ours. Strict UTF-8, so that one object has one spelling. */
function parseLine({ bytes, ended, tooLong }: RawLine, decoder: TextDecoder): { line: ExportLine; text: string } | undefined {
  if (!ended || tooLong) return undefined;
  try {
    const text = decoder.decode(bytes);
    const parsed = exportLine.safeParse(parseJson(text, "The line"));
    return parsed.success ? { line: parsed.data, text } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Checks every line of an export: its number and canonical form, each agent's chain and signed head, the exporter's statement over the whole.
 * Holds one line and a small state per agent in memory.
 * @param source the file's bytes, for example from `fs.createReadStream`
 * @param options `rootFingerprint`: thumbprint of the org's root key, known from elsewhere. Without it the file is checked against the root
 *   key that it names itself, which a forger could replace together with everything else: compare `rootFingerprint` of the verdict yourself.
 *   `nowMs`: the time by a clock of one's own; without it an exporter can postdate the export, and pretend that more was due to be forgotten.
 */
export async function verifyExport(
  source: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
  options: { rootFingerprint?: string; nowMs?: number } = {},
): Promise<ExportVerdict> {
  const problems: ExportProblem[] = [];
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const hash = createHash("sha256");
  let position = 0;
  let expectedNumber = 1;
  let trust: Trust | undefined;
  let statement: ExportStatement | undefined;
  let log: AuditLogHead | undefined;
  let ended = false;
  let found = 0;

  const report: Report = (code: ExportProblemCode, message, place = {}) => {
    found++;
    if (problems.length < MAX_PROBLEMS) problems.push({ line: position, ...place, code, message });
  };
  const chains = createChainVerifier(report);

  const checkNumber = (n: number): void => {
    if (n > expectedNumber)
      report(
        "LINE_MISSING",
        `Before this line, line ${expectedNumber}${n > expectedNumber + 1 ? ` to ${n - 1}` : ""} of the export is missing.`,
      );
    if (n < expectedNumber) report("LINE_REPEATED", `This is line ${n} of the export; it was repeated, moved or inserted.`);
    expectedNumber = n + 1;
  };

  const checkStatement = (jws: string): void => {
    ended = true;
    try {
      statement = exportStatement.parse(verifyJws({ jws, typ: EXPORT_TYP, keys: trust?.issuers ?? [], maxBytes: MAX_EXPORT_LINE_BYTES }));
    } catch {
      report("STATEMENT_INVALID", "The export's statement is not signed by an issuer that the manifest names.");
      return;
    }
    if (statement.org !== trust?.org) report("STATEMENT_INVALID", "The export's statement is of another organisation.");
    if (options.nowMs !== undefined && Date.parse(statement.createdAt) > options.nowMs + CLOCK_LEEWAY_MS)
      report("STATEMENT_INVALID", "The export is from the future: its time, by which retention is judged, is wrong, or this machine's.");
    if (trust !== undefined) chains.retained(keptFrom(trust, statement.createdAt));
    chains.finish(statement.agents);
    if (statement.filter === undefined && chains.summaries().some(({ stubs }) => stubs > 0))
      report("STATEMENT_MISMATCH", "Events are left out, and the export's statement names no filter that would leave them out.");
    if (statement.lines !== position - 1 || statement.sha256 !== hash.copy().digest("hex")) {
      report("STATEMENT_MISMATCH", `The lines before the statement are not the ${statement.lines} lines that were signed.`);
    }
  };

  const readLog = (jws: string): void => {
    try {
      if (log !== undefined) report("LOG_INVALID", "The export has more than one head of the node's log.");
      log = verifyLogHead(jws, trust?.issuers ?? [], trust?.org);
    } catch {
      report("LOG_INVALID", "The head of the node's log is not signed by an issuer that the manifest names.");
    }
  };

  /** Checks a line's content and returns its canonical text. */
  const checkContent = (line: ExportLine): string => {
    if (ended) report("LINE_AFTER_END", "Nothing may follow the export's statement; this line was inserted.");
    if (line.kind === "event") return `{"event":${chains.event(line.event, trust?.org)},"kind":"event","n":${line.n}}`;
    if (line.kind === "manifest") trust = readManifest(line.jws, trust, options.rootFingerprint, report);
    else if (line.kind === "credential") chains.credential(line.agentId, line.jws, trust?.issuers ?? [], trust?.org);
    else if (line.kind === "log") readLog(line.jws);
    else if (line.kind === "anchor") chains.anchor(line, trust?.org);
    else if (line.kind === "stub") chains.stub(line);
    else if (line.kind === "gap") chains.gap(line, trust?.issuers ?? [], trust?.org);
    else if (line.kind === "receipt") chains.receipt(line, log);
    else if (line.kind === "head") chains.head(line.jws, payloadOf(line.jws), trust?.org);
    else if (!ended) checkStatement(line.jws);
    return canonicalJson(line);
  };

  for await (const raw of readLines(source)) {
    position++;
    const parsed = parseLine(raw, decoder);
    if (parsed === undefined) {
      report("LINE_MALFORMED", "The line is not one of an export, or its line end is missing: it was altered or inserted.");
      expectedNumber++;
    } else {
      checkNumber(parsed.line.n);
      if (checkContent(parsed.line) !== parsed.text) report("LINE_NOT_CANONICAL", "The line is not in canonical form: it was altered.");
    }
    hash.update(raw.bytes).update("\n");
  }
  position++;
  if (!ended) report("STATEMENT_MISSING", "The export ends without its statement: its end is missing.");

  const agents = chains.summaries();
  return {
    ok: found === 0,
    events: agents.reduce((sum, { events }) => sum + events, 0),
    agents,
    problems,
    pinned: options.rootFingerprint !== undefined,
    ...(trust === undefined ? {} : { org: trust.org, rootFingerprint: trust.root }),
    ...(log === undefined ? {} : { log: { size: log.size, root: log.root } }),
    ...(statement === undefined ? {} : { createdAt: statement.createdAt }),
    ...(statement?.filter === undefined ? {} : { filter: statement.filter }),
  };
}
