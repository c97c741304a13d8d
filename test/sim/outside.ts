/**
 * The world outside of the mesh, in which runs have effects: a service that does a thing once per idempotency key, and one that does what it is told
 * each time. Runs are processes of their own: they may outlive their daemon until the next one kills them.
 */
import type { Clock } from "../../mesh/contract/ports.ts";
import type { RunnableTask, Runner, RunOutcome } from "../../mesh/session/ports.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Journal } from "./journal.ts";

/** Longest time of one step of a run. */
const STEP_MS = 2_500;
/** Longest time that a run's report takes. */
const LATE_MS = 6_000;

/** A run that is at work. */
interface Run {
  readonly machine: string;
  readonly task: RunnableTask;
  alive: boolean;
}

/** What the outside world needs. */
export interface OutsideDeps {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly journal: Journal;
  /** A run has ended, and nobody was told yet: the worst moment for its daemon to die. */
  onEnd(machine: string): void;
}

/** Number of steps of a task: it is in its context, so that every attempt has the same. */
export const stepsOf = ({ context }: Pick<RunnableTask, "context">): number => Number(context["steps"] ?? 1);

/** Makes it, with nothing done yet. */
export function createOutside({ clock, random, journal, onEnd }: OutsideDeps) {
  const asked = new Map<string, number>();
  const atWork = new Map<string, Run>();

  const perform = ({ taskId, attempt }: RunnableTask, step: number): void => {
    const key = `${taskId}/${step}`;
    asked.set(key, (asked.get(key) ?? 0) + 1);
    journal.note("world", `effect ${key}`, () => `effect ${short(taskId)}/${step} by attempt ${attempt}`);
  };

  const outcomeOf = (task: RunnableTask): RunOutcome => {
    const { taskId, attempt } = task;
    if (task.context["fails"] === true) return { state: "FAILED", message: "The books don't balance." };
    return { state: "COMPLETED", result: { taskId, attempt, steps: stepsOf(task) } };
  };

  const begin = (machine: string, task: RunnableTask, finish: (outcome: RunOutcome) => void): void => {
    if (atWork.get(task.taskId)?.alive === true) journal.breach("one run at a time", `task ${task.taskId} has two`);
    const run: Run = { machine, task, alive: true };
    atWork.set(task.taskId, run);
    journal.note(machine, `run ${task.taskId}/${task.attempt}`, () => `starts a run: task ${short(task.taskId)} attempt ${task.attempt}`);
    const next = (step: number): void =>
      void clock.after(1 + Math.floor(random.next() * STEP_MS), () => {
        if (!run.alive) return;
        if (step <= stepsOf(task)) {
          perform(task, step);
          next(step + 1);
          return;
        }
        run.alive = false;
        finish(outcomeOf(task));
        onEnd(machine);
      });
    if (task.context["asks"] === true && task.answers.length === 0) {
      run.alive = false;
      clock.after(500, () => finish({ state: "INPUT_REQUIRED", message: "Which quarter?" }));
    } else next(1);
  };

  return {
    /** How often each idempotency key (task and step) was asked for. */
    asked: asked as ReadonlyMap<string, number>,
    /**
     * A machine's runner. What a run reports may come late, and so to a later daemon than the one that began it.
     * @param report false where no daemon is there to hear it
     */
    runnerOf(machine: string, report: (task: RunnableTask, outcome: RunOutcome) => boolean): Runner {
      const tell = (task: RunnableTask, outcome: RunOutcome, tries = 10): void =>
        void clock.after(1 + Math.floor(random.next() * (random.next() < 0.4 ? LATE_MS : 20)), () => {
          if (!report(task, outcome) && tries > 0) tell(task, outcome, tries - 1);
        });
      return {
        start: (task) => begin(machine, task, (outcome) => tell(task, outcome)),
        stop(taskId, attempt) {
          const run = atWork.get(taskId);
          if (run?.alive !== true || run.task.attempt !== attempt) return;
          run.alive = false;
          tell(run.task, { state: "FAILED", message: "It was stopped." });
        },
      };
    },
    /** Ends the runs of a machine's dead daemon. @param share how many of them, from 0 to 1 */
    killRuns(machine: string, share = 1): void {
      for (const run of atWork.values()) if (run.alive && run.machine === machine && random.next() < share) run.alive = false;
    },
    isQuiet: (): boolean => [...atWork.values()].every(({ alive }) => !alive),
  };
}
/** The world outside. */
export type Outside = ReturnType<typeof createOutside>;

/** The end of a UUID, enough to tell things apart in a trace. */
export const short = (id: string): string => id.slice(-6);
