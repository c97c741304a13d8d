import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlannedCall } from "../../../../guard/gateway/call-routes.ts";
import { createModelRoutes } from "../../../../guard/routes/model-routes.ts";
import { addAmounts, type Amount, NO_AMOUNT } from "../../../../guard/routes/organisation-usage.ts";
import { parseUsd } from "../../../../mesh/contract/money.ts";
import { modelPolicy } from "../../../../mesh/contract/model-policy.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const owner = { tenant: "org", department: "finance", role: "finance", agent: "fiona.berg" };
const upstreams = [{ name: "default", protocol: "openai", baseUrl: "http://127.0.0.1:9/v1", local: false }] as const;

/** Calls that begin and end in any order; each uses what it was estimated at, or less. */
const steps = fc.array(
  fc.record({
    begin: fc.nat(3).map((n) => n > 0),
    which: fc.nat(20),
    input: fc.nat(50_000),
    output: fc.integer({ min: 1, max: 20_000 }),
    inputShare: fc.constantFrom(1, 1, 0.5, 0),
    outputShare: fc.constantFrom(1, 1, 0.5, 0),
  }),
  { maxLength: 40 },
);

describe("a hard limit", () => {
  it("is never passed, however many calls are in progress at once and in whatever order they end", async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 400 }), async (acts, hardTokens, cents) => {
        const hardUsd = (cents / 100).toFixed(2);
        let spent: Amount = NO_AMOUNT;
        const policy = modelPolicy.parse({
          v: 1,
          prices: [{ model: "m", input: "3.33", output: "17.77" }],
          budgets: [
            { id: "tokens", scope: "tenant", period: "month", hardTokens },
            { id: "money", scope: "role", period: "day", hardUsd },
          ],
        });
        const deps = { clock: createVirtualClock(), policy: () => policy, upstreams: () => upstreams, usage: { spent: () => spent } };
        const routes = createModelRoutes(deps, { owner });
        const running: { call: PlannedCall; act: (typeof acts)[number] }[] = [];
        const finish = async (at: number): Promise<void> => {
          const [done] = running.splice(at, 1);
          if (done === undefined) return;
          const { call, act } = done;
          const usage = {
            input: Math.floor(act.input * act.inputShare),
            cachedInput: 0,
            output: Math.max(1, Math.floor(act.output * act.outputShare)),
          };
          const target = { name: "default", upstream: upstreams[0], model: "m", destination: "cloud" as const };
          await routes.settle(call, { target, result: "ok", status: 200, usage, durationMs: 1 });
          const nanoUsd = routes.account(call)?.nanoUsd ?? 0n;
          spent = addAmounts(spent, { nanoUsd, tokens: usage.input + usage.output });
          routes.release(call);
        };
        for (const act of acts) {
          if (!act.begin) {
            await finish(act.which % Math.max(1, running.length));
            continue;
          }
          const { input: estimatedTokens, output: maxOutputTokens } = act;
          const call: PlannedCall = {
            sessionId: "s",
            askedModel: "m",
            protocol: "openai-chat",
            task: "chat",
            estimatedTokens,
            maxOutputTokens,
          };
          try {
            await routes.plan(call);
            running.push({ call, act });
          } catch (error) {
            expect(error).toMatchObject({ code: "POLICY_DENIED" });
            refused += 1;
          }
        }
        while (running.length > 0) await finish(0);
        expect(spent.tokens).toBeLessThanOrEqual(hardTokens);
        expect(spent.nanoUsd <= parseUsd(hardUsd)).toBe(true);
      }),
      { numRuns: 100 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
