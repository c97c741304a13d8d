/** Methods for what came in, and the files of tasks. */
import { z } from "zod";
import { artifactRef, artifactRefs } from "../artifact.ts";
import { ERROR_TABLE, type ErrorCode } from "../errors.ts";
import { uuid } from "../ids.ts";
import { json } from "../json.ts";
import { parts } from "../part.ts";
import { method } from "./method.ts";
import { inboxItem, taskView } from "./views.ts";

const knownCode = z.enum(Object.keys(ERROR_TABLE) as ErrorCode[]);

/** The methods for what came in, and the files of tasks. */
export const INBOX_METHODS = {
  "inbox.list": method(
    z.strictObject({
      kind: z.enum(["task", "approval", "notification"]).optional(),
      waiting: z.boolean().default(true),
      limit: z.int().min(1).max(500).default(50),
    }),
    z.strictObject({ items: z.array(inboxItem) }),
  ),
  "inbox.read": method(z.strictObject({ id: uuid }), inboxItem),
  "inbox.accept": method(z.strictObject({ taskId: uuid }), taskView),
  "inbox.reject": method(z.strictObject({ taskId: uuid, reason: z.string().min(1).max(1_000) }), taskView),
  "inbox.complete": method(
    z.strictObject({ taskId: uuid, result: json, parts: parts.optional(), artifacts: artifactRefs.optional() }),
    taskView,
  ),
  /** Takes a file of this machine in, by its absolute path; what comes back is given to `task.send` or `inbox.complete`. */
  "artifact.add": method(
    z.strictObject({ path: z.string().min(1).max(4_096), mediaType: z.string().min(1).max(200).optional() }),
    artifactRef,
  ),
  /** The files that came with a task or its result, and how much of each is here. */
  "artifact.list": method(
    z.strictObject({ taskId: uuid }),
    z.strictObject({ items: z.array(z.strictObject({ ...artifactRef.shape, here: z.boolean() })) }),
  ),
  /**
   * Writes the files that came with a task into a folder, by its absolute path; nothing there is replaced. Fetches what is missing first. `missing`: names
   * of those that are not here yet; `refused`: those that can't be saved, and why, where there are some.
   */
  "artifact.save": method(
    z.strictObject({ taskId: uuid, dir: z.string().min(1).max(4_096) }),
    z.strictObject({
      saved: z.array(z.strictObject({ path: z.string(), bytes: z.int() })),
      missing: z.array(z.string()),
      refused: z.array(z.strictObject({ name: z.string(), code: knownCode, reason: z.string() })).optional(),
    }),
  ),
  /** How it goes: the asker sees the newest, some time later or not at all. */
  "inbox.progress": method(
    z.strictObject({ taskId: uuid, note: z.string().min(1).max(500), fraction: z.number().min(0).max(1).optional() }),
    taskView,
  ),
  "inbox.ask": method(z.strictObject({ taskId: uuid, question: z.string().min(1).max(4_000) }), taskView),
} as const;
