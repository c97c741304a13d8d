/** What leaves a department, and what a restart keeps: real daemons from dist/, with the NER model. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { openPseudonymKeys } from "../../mesh/agent/pseudonym-key.ts";
import { orgRotatePseudonyms } from "../../mesh/cli/org/org-rotate.ts";
import { orgSteward } from "../../mesh/cli/org/org-steward.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import type { InboxItem } from "../../mesh/contract/daemon-api.ts";
import type { DaemonWorld, WorldAgent } from "../support/daemon-world.ts";
import { startThree } from "../support/running-three.ts";
import { until } from "../support/until.ts";

const TASK = "Please ask Anna Schmidt (anna.schmidt@example.org, DE89 3704 0044 0532 0130 00) about the order in the list.";
const PRIVATE = "Please pay Quentin Marlowe (quentin.marlowe@example.org, GB33 BUKB 2020 1555 5555 55).";
const CONTEXT = { period: "2026-10", lines: [{ po: "PO-1001", amount: 1250.5, mail: "anna.schmidt@example.org" }] };

/** The first text of another department waits for the guard's model to be loaded, which is seconds of work, and is sent again meanwhile. */
const MODEL_MS = 90_000;

let world: DaemonWorld;
let fiona: WorldAgent;
let marco: WorldAgent;
let edward: WorldAgent;

beforeAll(async () => {
  ({ world, fiona, marco, edward } = await startThree());
});
afterAll(() => world?.close());

const send = (targetRole: string) =>
  fiona.call("task.send", { target: { targetRole }, task: TASK, context: CONTEXT, idempotencyKey: targetRole });
const taskAt = (agent: WorldAgent, taskId: string): Promise<InboxItem> =>
  until(
    `${agent.subject} has the task`,
    async () => {
      const { items } = await agent.call("inbox.list", { limit: 500 });
      return items.find((item) => item.kind === "task" && item.taskId === taskId);
    },
    MODEL_MS,
  );

/** A daemon asks for a new bundle every 30 s. */
const POLLED_MS = 50_000;

describe("a task for another department", () => {
  it("arrives with its values where policy lets the receiver restore, and both audits say so", async () => {
    const { taskId } = await send("marketing");
    expect(await taskAt(marco, taskId)).toMatchObject({ task: TASK, context: CONTEXT });
    expect(await fiona.audit("guard.mask")).toMatchObject([{ result: "ok", details: { toDepartment: "marketing", sealed: true } }]);
    expect(await marco.audit("guard.restore")).toMatchObject([{ result: "ok", details: { fromSubject: "fiona.berg" } }]);
  });

  it("arrives masked where policy does not, with amounts and dates as they were", async () => {
    const { taskId } = await send("executive");
    const task = await taskAt(edward, taskId);
    expect(JSON.stringify(task)).not.toMatch(/anna\.schmidt|Anna Schmidt|DE89/i);
    expect(task).toMatchObject({
      task: expect.stringMatching(/PERSON_\w{10} \(EMAIL_\w{10}, IBAN_\w{10}\)/),
      context: { period: "2026-10", lines: [{ amount: 1250.5, mail: expect.stringMatching(/^EMAIL_\w{10}$/) }] },
    });
    expect(await edward.audit("guard.restore")).toEqual([]);
  });
});

describe("a masked text", () => {
  it("restores after kill -9 of the daemon, and its values are nowhere in the store", async () => {
    const { masked, mapRef } = await fiona.call("guard.process", { text: PRIVATE, sessionId: "chat" });
    expect(masked).not.toContain("GB33");
    await fiona.kill();
    const store = join(fiona.home, "store");
    const kept = readdirSync(store)
      .map((file) => readFileSync(join(store, file), "latin1"))
      .join("");
    expect(kept).toContain("daemon.start");
    expect(kept).not.toMatch(/GB33|quentin/i);
    await fiona.start();
    expect((await fiona.call("guard.restore", { masked, mapRef, sessionId: "chat" })).text).toBe(PRIVATE);
  });
});

describe("a new epoch of the key for pseudonyms", () => {
  it("comes to a member from the steward's daemon", async () => {
    const out = createOutput({ write: () => undefined }, false);
    await orgSteward({ dir: world.orgDir, agent: edward.agentId }, out);
    const version = await world.sign();
    for (const agent of [edward, marco])
      await until("the roster has come", async () => (await agent.call("daemon.status", {})).bundleVersion >= version, POLLED_MS);
    await orgRotatePseudonyms({ dir: world.orgDir, stewardKeys: homePaths(edward.home).pseudonymKey }, out, {
      clock: systemClock,
      random: systemRandom,
    });
    await marco.stop();
    await marco.start();
    await until("marco has the new key", async () => (await marco.audit("pseudonym.receive")).length === 1, POLLED_MS);
    const keysOf = async (agent: WorldAgent) => (await openPseudonymKeys(homePaths(agent.home).pseudonymKey, systemClock)).epochs();
    expect(await keysOf(marco)).toEqual(await keysOf(edward));
    expect((await keysOf(marco)).map(({ epoch }) => epoch)).toEqual([2, 1]);
    expect(readFileSync(join(world.orgDir, "bootstrap", "node.json"), "utf8")).not.toContain("epoch");
  });
});
