/** One engine for as long as the bundle stays the same: loading a policy set costs as much as a hundred decisions. */
import type { PolicyEngine } from "../../mesh/contract/ports.ts";
import { type CedarEngine, type CedarEngineConfig, createCedarEngine } from "./cedar-engine.ts";
import { rememberDecisions } from "./remember-decisions.ts";

/** Keeps the engine of the bundle in force. */
export interface EngineKeeper {
  /** The engine of this policy set and org chart; the one before is freed. Never throws. */
  engineFor(config: CedarEngineConfig): PolicyEngine;
}

/** Keeps nothing yet. */
export function createEngineKeeper(): EngineKeeper {
  let kept: { readonly config: CedarEngineConfig; readonly engine: CedarEngine } | undefined;
  return {
    engineFor(config) {
      const same =
        kept !== undefined &&
        kept.config.policyHash === config.policyHash &&
        kept.config.set === config.set &&
        kept.config.orgChart === config.orgChart;
      if (kept === undefined || !same) {
        kept?.engine.close();
        kept = { config, engine: rememberDecisions(createCedarEngine(config)) };
      }
      return kept.engine;
    },
  };
}
