/** The guard's detection inside a command, without the daemon: the shipped rules and model, and the organisation's lists where there is one. */
import { createDetection } from "../../../guard/detect/create-detection.ts";
import type { DetectionService } from "../../../guard/detect/detection.ts";
import { openBundleStore } from "../../../profiles/bundle/bundle-store.ts";
import type { VerifiedBundle } from "../../../profiles/bundle/verify.ts";
import { type AgentConfig, homePaths, readAgentConfig } from "../../agent/agent-config.ts";
import { systemClock, systemRandom } from "../../agent/system.ts";
import { errorCode, GaggleError } from "../../contract/errors.ts";

/** Where Gaggle and its agent are, and what to detect with. */
export interface LocalDetectionConfig {
  readonly home: string;
  readonly installDir: string;
  /** Folder of another model; left out, the agent's own, else the one that ships with Gaggle. */
  readonly model?: string | undefined;
  /** Rules and lists alone. */
  readonly withoutModel?: boolean;
}

/** A detection and what it was made of. */
export interface LocalDetection {
  readonly detection: DetectionService;
  /** The verified bundle, also an expired one; undefined where this machine has not joined. */
  readonly bundle: VerifiedBundle | undefined;
}

/** The agent's configuration; undefined where this machine belongs to no organisation. */
export async function agentConfigOf(home: string): Promise<AgentConfig | undefined> {
  try {
    return await readAgentConfig(home);
  } catch (error) {
    if (errorCode(error) === "NOT_JOINED") return undefined;
    throw error;
  }
}

/** The last good bundle of the organisation that this machine belongs to. */
async function lastBundle(home: string, { org, role, rootFingerprint }: AgentConfig): Promise<VerifiedBundle> {
  const store = await openBundleStore({ clock: systemClock }, { dir: homePaths(home).bundle, org, role, rootFingerprint });
  return store.last() ?? store.current();
}

/**
 * Opens it and loads the model; the caller closes it.
 * @throws GaggleError what is wrong with the bundle where this machine has joined: its lists must not be left out unseen; GUARD_REFUSED where
 *   the model can't be loaded
 */
export async function openLocalDetection({ home, installDir, model, withoutModel = false }: LocalDetectionConfig): Promise<LocalDetection> {
  const agent = await agentConfigOf(home);
  const bundle = agent === undefined ? undefined : await lastBundle(home, agent);
  const modelFolder = withoutModel ? null : (model ?? agent?.guardModel);
  const detection = createDetection(
    { clock: systemClock, random: systemRandom },
    {
      installFolder: installDir,
      ...(modelFolder === undefined ? {} : { modelFolder }),
      ...(bundle === undefined ? {} : { lists: bundle.guardLists }),
    },
  );
  const state = withoutModel ? ({ ready: true } as const) : await detection.warmUp();
  if (state.ready) return { detection, bundle };
  await detection.close();
  throw new GaggleError(
    "GUARD_REFUSED",
    `The model that finds names can't be used: ${state.reason} With --rules-only the guard does without it.`,
  );
}
