/** Two people's daemons, two model servers of which one is dead, one budget of the whole organisation. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { testPort } from "../support/test-port.ts";
import { type DaemonWorld, foundWorld, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";
import { startRecordingUpstream } from "../support/recording-upstream.ts";

const EMAIL = "ada.lovelace@example.org";
const BODY = JSON.stringify({ model: "m", max_tokens: 100, messages: [{ role: "user", content: `Write to ${EMAIL}.` }] });
/** What a call is estimated at; the recording server says that it used 7 tokens. */
const ESTIMATE = Math.ceil(BODY.length / 4) + 100;
const MODELS = `v: 1
routes:
  - { id: everything, use: { upstream: default, model: big }, fallback: { upstream: backup, model: small } }
prices:
  - { model: small, input: "1000", output: "2000" }
budgets:
  - { id: company, scope: tenant, period: month, hardTokens: ${ESTIMATE + 5} }
`;

let world: DaemonWorld;
let fiona: WorldAgent;
let marco: WorldAgent;

const ask = async (agent: WorldAgent): Promise<Response> => {
  const { gatewayUrl } = await agent.call("daemon.status", {});
  const token = readFileSync(homePaths(agent.home).gatewayToken, "utf8").trim();
  await agent.call("session.register", { sessionId: "20261120_1" });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "agent-session-id": "20261120_1" };
  return fetch(`${gatewayUrl}/v1/chat/completions`, { method: "POST", headers, body: BODY });
};
const companyBudget = async (agent: WorldAgent) => (await agent.call("guard.stats", {})).budgets.find(({ id }) => id === "company");
const startWith = async (agent: WorldAgent): Promise<void> => {
  await agent.start();
  await until(`${agent.subject} has the policy`, async () => (await companyBudget(agent)) !== undefined, 60_000);
};

beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance", "marco.diaz": "marketing" } });
  [fiona, marco] = [world.agent("fiona.berg"), world.agent("marco.diaz")];
  writeFileSync(join(world.orgDir, "profiles", "models.yaml"), MODELS);
  await world.sign();
}, 120_000);
afterAll(() => world?.close());

it("falls back from a dead server with the request masked, books the call, and holds a colleague to what it used", {
  timeout: 300_000,
}, async () => {
  const backup = await startRecordingUpstream(() => ({ say: "hello" }));
  for (const agent of [fiona, marco]) {
    const dead = `http://127.0.0.1:${await testPort()}/v1`;
    expect(await agent.gaggle(["model", "--url", dead, "--name", "m"])).toMatchObject({ code: 0 });
    expect(await agent.gaggle(["model", "add", "backup", "--url", backup.baseUrl])).toMatchObject({ code: 0 });
  }
  await startWith(fiona);
  const answer = await ask(fiona);
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("hello")]);
  expect(backup.requests).toHaveLength(1);
  expect(backup.requests[0]?.raw).toContain('"model":"small"');
  expect(backup.requests[0]?.raw).not.toContain("lovelace");

  const stats = await until("the call is booked", async () => {
    const found = await fiona.call("guard.stats", {});
    return found.total.calls === 1 && found;
  });
  expect(stats.total).toMatchObject({ inputTokens: 3, outputTokens: 4, usd: "0.011", refused: 0, unpriced: 0 });
  expect(stats.byModel).toMatchObject([{ model: "small", calls: 1 }]);
  expect(stats.redactions).toContainEqual({ class: "EMAIL", count: 1 });
  expect((await fiona.audit("model.call")).map(({ cost }) => cost)).toEqual([{ tokens: 7, usd: "0.011" }]);
  await fiona.call("audit.ship", {});

  await startWith(marco);
  await until("marco knows the total", async () => (await companyBudget(marco))?.usedTokens === 7, 60_000);
  const refused = await ask(marco);
  expect([refused.status, await refused.text()]).toEqual([
    403,
    expect.stringMatching(/budget company of the organisation has used 7 of \d+ tokens/),
  ]);
  expect(backup.requests).toHaveLength(1);

  await world.bootstrap.kill();
  await marco.stop();
  await startWith(marco);
  expect((await ask(marco)).status, "the last known total counts while the node is away").toBe(403);
  // Recorded once the answer is out.
  await until("both refusals are recorded", async () => {
    expect((await marco.audit("guard.refuse")).map(({ details }) => details["code"])).toEqual(["POLICY_DENIED", "POLICY_DENIED"]);
    return true;
  });
});
