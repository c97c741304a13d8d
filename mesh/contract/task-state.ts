/** Task states of A2A 1.0. */
import { z } from "zod";

/** Task states of A2A 1.0 without their common prefix. */
export const taskState = z.enum(["SUBMITTED", "WORKING", "INPUT_REQUIRED", "AUTH_REQUIRED", "COMPLETED", "FAILED", "CANCELED", "REJECTED"]);
/** Task states of A2A 1.0. */
export type TaskState = z.infer<typeof taskState>;
