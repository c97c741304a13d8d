/** The departments' results of a close, read from this agent's daemon: whoever names the tasks can't write their figures. */
import type { z } from "zod";
import type { TaskView } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { parseAs } from "../../mesh/contract/json.ts";
import { type DepartmentAccruals, departmentAccruals, type PayrollAccruals, payrollAccruals } from "./close-records.ts";

const ACCRUALS_SKILL = "accruals";
const PAYROLL_SKILL = "payroll-accrual";

/** What reading results needs from the world. */
export interface ResultDeps {
  /** The task as the daemon holds it. Throws GaggleError NOT_FOUND where it knows none. */
  readonly fetchTask: (taskId: string) => Promise<TaskView>;
}

/** Which tasks the departments answered, by id. */
export interface ResultTasks {
  readonly period: string;
  readonly accrualTaskIds: readonly string[];
  readonly payrollTaskId: string;
}

/** What the departments answered. */
export interface DepartmentResults {
  readonly period: string;
  readonly accruals: readonly DepartmentAccruals[];
  readonly payroll: PayrollAccruals;
}

const refuse = (message: string): never => {
  throw new GaggleError("INVALID_INPUT", message);
};

/** Only an answer to what this agent asked, of the right skill, goes on. */
function requireAnswered({ taskId, side, skill, state, peer }: TaskView, wanted: string): void {
  if (side !== "asker") refuse(`Task ${taskId} was not asked by this agent. Pass the taskId that send_task gave.`);
  if (skill !== wanted) refuse(`Task ${taskId} is not of the skill ${wanted}. Pass the taskId of the task that was sent with it.`);
  if (state === "COMPLETED") return;
  throw new GaggleError(
    "STATE_CONFLICT",
    `Task ${taskId} at ${peer.department} is ${state}. Wait with fetch_status until it is COMPLETED, or send it again and pass the new taskId.`,
  );
}

/** A task's result, and that it is the answering agent's own department's and for the month. */
async function resultOf<T extends DepartmentAccruals | PayrollAccruals>(
  { fetchTask }: ResultDeps,
  task: { readonly taskId: string; readonly skill: string; readonly period: string; readonly schema: z.ZodType<T> },
): Promise<T> {
  const view = await fetchTask(task.taskId);
  requireAnswered(view, task.skill);
  const { department } = view.peer;
  const result = parseAs(task.schema, view.result, `The result of ${department}'s task, which has to be sent again,`);
  if (result.department !== department) {
    refuse(`The agent of ${department} answered with the figures of ${result.department}. Send the task to ${result.department}'s agent.`);
  }
  if (result.period !== task.period)
    refuse(`The result of ${department} is for ${result.period}, not ${task.period}. Ask ${department} again.`);
  return result;
}

/**
 * Reads the results of the tasks that this agent asked and that are completed.
 * @throws GaggleError STATE_CONFLICT where a task is not completed; INVALID_INPUT where it is another kind of task, was asked by somebody
 *   else, or its result is not the answering department's for the period; what `fetchTask` throws
 */
export async function fetchResults(deps: ResultDeps, { period, accrualTaskIds, payrollTaskId }: ResultTasks): Promise<DepartmentResults> {
  const [accruals, payroll] = await Promise.all([
    Promise.all(accrualTaskIds.map((taskId) => resultOf(deps, { taskId, skill: ACCRUALS_SKILL, period, schema: departmentAccruals }))),
    resultOf(deps, { taskId: payrollTaskId, skill: PAYROLL_SKILL, period, schema: payrollAccruals }),
  ]);
  return { period, accruals, payroll };
}
