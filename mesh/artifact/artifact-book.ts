/** Which files came for whom, and who may fetch which: kept in the store, changed inside transitions. Sans-IO. */
import type { ArtifactRef, FileValues } from "../contract/artifact.ts";
import { GaggleError } from "../contract/errors.ts";
import { canonicalHash } from "../contract/json.ts";
import type { Principal } from "../contract/identity.ts";
import type { OrderedStore, Transaction } from "../contract/ports.ts";

/** Bytes of files that one person's messages may name here before some of their tasks are over. */
export const PEER_QUOTA_BYTES = 8_589_934_592;

/** Who may fetch: any device of the person, in the role that it was sent to. */
interface Grant {
  readonly subject: string;
  readonly role: string;
}

/** A task whose files are still to be fetched. */
export interface Want {
  readonly taskId: string;
  readonly from: Principal;
  readonly refs: readonly ArtifactRef[];
}

const grantKey = (sha256: string, taskId: string): string => `artifact/grant/${sha256}/${taskId}`;
const wantKey = (taskId: string): string => `artifact/want/${taskId}`;
const valuesKey = (taskId: string): string => `artifact/values/${taskId}`;
const approvedKey = (taskId: string): string => `artifact/approved/${taskId}`;
const roomKey = (subject: string): string => `artifact/room/${subject}`;
const GRANT_PREFIX = "artifact/grant/";

const sizeOf = (refs: readonly ArtifactRef[]): number => refs.reduce((sum, { bytes }) => sum + bytes, 0);

/** Lets a person's devices fetch what a message names that is about to leave. */
export function grant(tx: Transaction, refs: readonly ArtifactRef[], to: Principal, taskId: string): void {
  const { subject, role } = to;
  for (const { sha256 } of refs) tx.put(grantKey(sha256, taskId), JSON.stringify({ subject, role } satisfies Grant));
}

/**
 * Notes the files that came with a message.
 * @throws GaggleError BUSY where this sender's files take up their room already
 */
export function want(tx: Transaction, { taskId, from, refs }: Want): void {
  const taken = Number(tx.get(roomKey(from.subject)) ?? 0) + sizeOf(refs);
  if (taken > PEER_QUOTA_BYTES)
    throw new GaggleError("BUSY", "This sender's files take up their room here; some of its tasks have to end first.");
  tx.put(roomKey(from.subject), String(taken));
  const text = tx.get(wantKey(taskId));
  const known = text === undefined ? [] : (JSON.parse(text) as Want).refs;
  tx.put(wantKey(taskId), JSON.stringify({ taskId, from, refs: [...known, ...refs] } satisfies Want));
}

/** All tasks whose files are still to be fetched. */
export const wants = async (store: Pick<OrderedStore, "range">): Promise<Want[]> =>
  (await store.range({ gte: wantKey(""), lt: wantKey("~") })).map(([, text]) => JSON.parse(text) as Want);

/** Everything of a task is here. */
export const wantedNoMore = (tx: Transaction, taskId: string): void => tx.del(wantKey(taskId));

/** Whether a file hangs on a task with this agent's person. */
export async function mayFetch(store: Pick<OrderedStore, "range">, from: Principal, sha256: string): Promise<boolean> {
  const rows = await store.range({ gte: grantKey(sha256, ""), lt: grantKey(sha256, "~") });
  return rows.some(([, text]) => {
    const { subject, role } = JSON.parse(text) as Grant;
    return subject === from.subject && role === from.role;
  });
}

/** Tasks on which files hang that others may fetch, with their files. */
export async function grants(store: Pick<OrderedStore, "range">): Promise<{ sha256: string; taskId: string }[]> {
  const rows = await store.range({ gte: GRANT_PREFIX, lt: `${GRANT_PREFIX}~` });
  return rows.map(([key]) => {
    const [, , sha256 = "", taskId = ""] = key.split("/");
    return { sha256, taskId };
  });
}

/** Takes back what was granted for a task that is over. */
export const revokeGrant = (tx: Transaction, { sha256, taskId }: { sha256: string; taskId: string }): void =>
  tx.del(grantKey(sha256, taskId));

/** Gives back the room of files of a task that is over. */
export function giveRoom(tx: Transaction, subject: string, refs: readonly ArtifactRef[]): void {
  const left = Number(tx.get(roomKey(subject)) ?? 0) - sizeOf(refs);
  if (left > 0) tx.put(roomKey(subject), String(left));
  else tx.del(roomKey(subject));
}

/** A blob of sealed values as what is fetched. */
export const asArtifact = ({ bytes, sha256, chunks }: FileValues): ArtifactRef => ({
  name: "values",
  mediaType: "application/jose",
  bytes,
  sha256,
  chunks,
});

/** Notes what came sealed of a task's files. */
export function noteValues(tx: Transaction, taskId: string, values: readonly FileValues[]): void {
  tx.put(valuesKey(taskId), JSON.stringify([...valuesOf(tx, taskId), ...values]));
}

/** What came sealed of a task's files. */
export function valuesOf(source: Pick<Transaction, "get">, taskId: string): readonly FileValues[] {
  const text = source.get(valuesKey(taskId));
  return text === undefined ? [] : (JSON.parse(text) as FileValues[]);
}

/** Forgets it: the task is over. */
export const dropValues = (tx: Transaction, taskId: string): void => tx.del(valuesKey(taskId));

/** SHA-256 of what an approval says of a file: its name and its content. */
export const approvedHash = ({ name, sha256 }: Pick<ArtifactRef, "name" | "sha256">): string => canonicalHash({ name, sha256 });

/** Notes which files were approved with a task, in its order; what was noted first stays. */
export function noteApproved(tx: Transaction, taskId: string, refs: readonly ArtifactRef[]): void {
  if (tx.get(approvedKey(taskId)) === undefined) tx.put(approvedKey(taskId), JSON.stringify(refs.map(approvedHash)));
}

/** Hashes of the files that were approved with a task, in its order; none where it needed no approval. */
export function approvedOf(source: Pick<Transaction, "get">, taskId: string): readonly string[] {
  const text = source.get(approvedKey(taskId));
  return text === undefined ? [] : (JSON.parse(text) as string[]);
}

/** Forgets it: the task is over. */
export const dropApproved = (tx: Transaction, taskId: string): void => tx.del(approvedKey(taskId));
