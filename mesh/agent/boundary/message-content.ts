/** Which parts of a message people and models write, and which ids a caller chooses. Pure. docs/decisions/0064-mesh-boundary.md */
import { opaqueId } from "../../../guard/boundary/opaque-id.ts";
import { artifactRef } from "../../contract/artifact.ts";
import type { Json } from "../../contract/json.ts";
import type { Message } from "../../contract/message.ts";

/** The parts of each message that people and models write. An approval's payload goes as it is: a person signs exactly what is shown. */
const CONTENT: Readonly<Record<Message["type"], readonly string[]>> = {
  "task.request": ["task", "context", "policyHints", "parts", "resultSchema", "stepId"],
  "task.update": ["result", "message", "parts", "resultSchema"],
  "task.progress": ["note"],
  "task.answer": ["answer"],
  "task.cancel": ["reason"],
  "task.read": [],
  notification: ["message"],
  "approval.request": ["stepId"],
  "approval.decision": [],
  "approval.end": [],
  "pseudonym.key": [],
  "session.state": ["purpose"],
  "session.shard": ["title", "body"],
  "session.withdraw": [],
  "session.join": [],
  "session.offer": [],
  "session.offer-answer": [],
  "session.report": [],
  "mail.receipt": [],
};

/** Ids that a caller chooses. They go by value at the receiver, so each is replaced as a whole. */
const CHOSEN_IDS = ["idempotencyKey", "sessionId"] as const;
/** Longest id of a step on the wire. */
const MAX_STEP_CHARS = 200;

/** Whether people or models write anything in a message. */
export const hasContent = (message: Message): boolean =>
  CONTENT[message.type].some((name) => name in message) || fileNames(message).length > 0;

/** The content of a message as a list, so that no name of ours is ever looked at or replaced. */
export const contentOf = (message: Message): Json[] => {
  // What came out of a message's schema is JSON.
  const fields = message as unknown as Readonly<Record<string, Json | undefined>>;
  return CONTENT[message.type].map((name) => fields[name] ?? null);
};

/** The message with other content. @param content as `contentOf` gave it, masked or restored */
export const withContent = (message: Message, content: Json): Message => {
  const values = Array.isArray(content) ? content : [];
  const fields = CONTENT[message.type].flatMap((name, i) => (name in message ? [[name, values[i]] as const] : []));
  return { ...message, ...Object.fromEntries(fields) };
};

/** Names of the files of a message; they leave by another way, with their files. */
export const fileNames = (message: Message): Json[] =>
  message.type === "task.request" || message.type === "task.update" ? (message.artifacts ?? []).map(({ name }) => name) : [];

/** The message with other names of its files, as far as they are names. @param content as `contentOf` gave it, with the names behind it, values not put back */
export function withFileNames(message: Message, content: Json): Message {
  if ((message.type !== "task.request" && message.type !== "task.update") || message.artifacts === undefined) return message;
  const names = Array.isArray(content) ? content.at(-1) : [];
  const artifacts = message.artifacts.map((ref, i) => {
    const name = artifactRef.shape.name.safeParse(Array.isArray(names) ? names[i] : undefined);
    return name.success ? { ...ref, name: name.data } : ref;
  });
  return { ...message, artifacts };
}

/** The message with ids that say nothing, where its caller chose them. @param key as `opaqueId` takes it */
export function withOpaqueIds(message: Message, key: Uint8Array): Message {
  if (message.type !== "task.request" && message.type !== "approval.request") return message;
  const ids = CHOSEN_IDS.flatMap((name) => {
    const id = message[name];
    return id === undefined ? [] : [[name, opaqueId(id, name, key)] as const];
  });
  return { ...message, ...Object.fromEntries(ids) };
}

/** A masked step may be longer than the wire takes; then it goes as an id that says nothing. @param key as `opaqueId` takes it */
export const withShortStep = (message: Message, key: Uint8Array): Message =>
  (message.type === "task.request" || message.type === "approval.request") && (message.stepId?.length ?? 0) > MAX_STEP_CHARS
    ? { ...message, stepId: opaqueId(message.stepId ?? "", "stepId", key) }
    : message;
