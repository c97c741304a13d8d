/**
 * Versions of what agents say to each other. Within a major version (the `v` of a message, the number of a protocol) fields are only ever added, and
 * optional. Each addition raises the minor version, which hello tells. Who is newer leaves out what the other can't know; who is older drops what it does
 * not know from a newer one, and from nobody else. Pure. Source: docs/decisions/0099-wire-versions.md
 */
import type { z } from "zod";
import { GaggleError } from "./errors.ts";

/** This program's minor version of the wire. Raise it with each field added, and name the field in {@link SINCE}. */
export const WIRE_MINOR = 3;

/** Optional fields by what they stand in (a message's type, or a part of hello and exchange), and the minor version that brought them. */
const SINCE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  envelope: { fileValues: 2, approvedFiles: 3 },
  hello: { wire: 1, revocations: 1 },
  news: { revocations: 1 },
  "bundle.question": { after: 3 },
  "task.request": { approvals: 1 },
  "approval.request": { quorum: 2, deadline: 2 },
  "approval.end": { calledOff: 3 },
  "session.shard": { alias: 3 },
};

/** Types of messages that came later than the first version. */
const TYPES_SINCE: Readonly<Record<string, number>> = { "approval.end": 2 };

/** Whether an agent of that minor version knows a type of message: what only tells it something is not sent to one that does not. */
export const knowsType = (type: string, minor: number): boolean => (TYPES_SINCE[type] ?? 0) <= minor;

/** Fields among those that must not be left out: who does not know them would do something else than was asked. */
const NEEDED: Readonly<Record<string, readonly string[]>> = { "approval.request": ["deadline"] };

/**
 * Refuses to say what its receiver would understand as something else.
 * @throws GaggleError PEER_OUTDATED
 */
export function assertUnderstood(kind: string, value: object, minor: number): void {
  const missing = (NEEDED[kind] ?? []).filter((name) => name in value && (SINCE[kind]?.[name] ?? 0) > minor);
  if (missing.length > 0)
    throw new GaggleError(
      "PEER_OUTDATED",
      `The other agent has an older Gaggle that does not know the ${missing.join(" and ")} of what is asked. Update it there, or ask without.`,
    );
}

/** What of a value a receiver of that minor version knows. @param kind key of the table: a message's type, `envelope`, `hello` or `news` */
export function forWire<T extends object>(kind: string, value: T, minor: number): T {
  const newer = Object.entries(SINCE[kind] ?? {}).filter(([name, since]) => since > minor && name in value);
  if (newer.length === 0) return value;
  const names = new Set(newer.map(([name]) => name));
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.has(name))) as T;
}

/** The value without the fields that a strict schema does not know, where nothing else is wrong with it. */
function withoutUnknown(value: unknown, { issues }: z.ZodError): unknown {
  if (issues.some(({ code }) => code !== "unrecognized_keys")) return undefined;
  const known: unknown = structuredClone(value);
  for (const issue of issues) {
    if (issue.code !== "unrecognized_keys") continue;
    const at = issue.path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown>)[step], known);
    for (const key of issue.keys) delete (at as Record<string, unknown>)[key];
  }
  return known;
}

/**
 * Reads a value by a strict schema. From a speaker of a newer minor version fields that the schema does not know are dropped first.
 * @param minor the speaker's, as its hello told; 0 where it told none
 * @throws ZodError where it does not fit
 */
export function readWire<T>(schema: z.ZodType<T>, value: unknown, minor: number): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const known = minor > WIRE_MINOR ? withoutUnknown(value, parsed.error) : undefined;
  if (known === undefined) throw parsed.error;
  return schema.parse(known);
}
