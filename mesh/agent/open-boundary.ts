/** The boundary of a daemon, put together from its core, its guard and its vault. */
import type { Held } from "../../guard/boundary/look-inside.ts";
import type { Detection } from "../../guard/detect/detection.ts";
import { readTask } from "../session/task-record.ts";
import type { AgentCore } from "./agent-core.ts";
import { createBoundary, type DepartmentBoundary } from "./boundary.ts";
import { createHandOut, type HandOut, type HandOutDeps } from "./hand-out.ts";
import type { Boundary } from "./messaging/messaging-types.ts";
import type { SealKeys } from "./seal-keys.ts";
import { createTaskValues, isTaskPeer, type TaskValues } from "./task-values.ts";
import type { TokenVault } from "./token-vault.ts";

/** The guard between departments, and the values that came through it. */
export interface OpenBoundary {
  /** Also takes a steward's keys. */
  readonly boundary: DepartmentBoundary;
  readonly handOut: HandOut;
  readonly values: TaskValues;
  readonly sealKeys: SealKeys;
}

/** Puts it together. */
export function openBoundary(
  core: AgentCore,
  {
    vault,
    detection,
    sealKeys,
    send,
  }: { vault: TokenVault; detection: Pick<Detection, "detect">; sealKeys: SealKeys; send: HandOutDeps["send"] },
): OpenBoundary {
  const values = createTaskValues(vault.sessions);
  const keepAndTell = async (taskId: string, from: string, held: readonly Held[]): Promise<void> => {
    await values.keep(taskId, from, held);
    // A result belongs to the chat that asked for it.
    const asking = readTask(core.store, "asker", taskId)?.sessionId;
    if (asking !== undefined) values.tell(taskId, asking);
  };
  const boundary = createBoundary({
    ...core,
    detection,
    profile: () => core.bundle().profile.guard,
    version: () => core.bundle().manifest.version,
    epochs: vault.pseudonyms.epochs,
    boundaryKey: vault.keys.boundary,
    sealKeyOf: sealKeys.of,
    openKey: core.keys.seal,
    keep: async (message, from, held) => {
      // Nobody else may say what this agent's chats know, or fill the table of maps under made-up tasks.
      if (!isTaskPeer(core.store, message, from)) return;
      await keepAndTell(message.taskId, from, held);
    },
    keepOfFile: keepAndTell,
  });
  const handOut = createHandOut({
    ...core,
    pseudonyms: vault.pseudonyms,
    stewards: () => {
      const { roster } = core.bundle().manifest;
      const { revocations } = core.membership.trust().manifest;
      return roster.stewards.filter((key) => !revocations.keys.includes(key));
    },
    sealKeyOf: sealKeys.of,
    openKey: core.keys.seal,
    send,
    newTraceId: core.newTrace,
  });
  const arrive: Boundary["arrive"] = async (opened) => boundary.arrive(await handOut.arrive(opened));
  return { boundary: { ...boundary, arrive }, handOut, values, sealKeys };
}
