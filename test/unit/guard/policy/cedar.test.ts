import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { createBundlePolicy } from "../../../../mesh/agent/bundle-policy.ts";
import { createCedarEngine } from "../../../../guard/policy/cedar-engine.ts";

it("loads Cedar with the first engine that has policies, and not before", () => {
  const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes("cedar_wasm"));
  createBundlePolicy(() => {
    throw new Error("no bundle yet");
  });
  expect(loaded()).toBe(false);
  createCedarEngine({ set: { v: 2, schema: 1, policies: [] }, orgChart: [], policyHash: "0".repeat(64) });
  expect(loaded()).toBe(true);
});
