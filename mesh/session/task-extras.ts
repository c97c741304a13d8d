/** What a task may have besides its text and its context. Pure. */
import type { WorkerTask } from "./task-record.ts";

/** Skill, inputs and where it belongs; each only where it is there. */
export type TaskExtras = Pick<WorkerTask, "skill" | "sessionId" | "stepId" | "parts" | "artifacts" | "resultSchema" | "session">;

/** Picks them, for a record of either side. */
export const taskExtras = ({
  skill,
  sessionId,
  stepId,
  parts,
  artifacts,
  resultSchema,
  session,
}: { readonly [K in keyof TaskExtras]: TaskExtras[K] | undefined }): TaskExtras => ({
  ...(skill === undefined ? {} : { skill }),
  ...(sessionId === undefined ? {} : { sessionId }),
  ...(stepId === undefined ? {} : { stepId }),
  ...(parts === undefined ? {} : { parts }),
  ...(artifacts === undefined ? {} : { artifacts }),
  ...(resultSchema === undefined ? {} : { resultSchema }),
  ...(session === undefined ? {} : { session }),
});
