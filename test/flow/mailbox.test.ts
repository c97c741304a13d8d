/** Messages for people whose machines are off, kept sealed on the bootstrap node. Real processes from dist/, and the node's real store on the disk. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import { Level } from "level";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeAgentConfig } from "../../mesh/agent/agent-config.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { orgRevoke } from "../../mesh/cli/org/org-revoke.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import { type DaemonWorld, foundWorld, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";

const SECRET = "Accruals for Quarry & Söhne: 41.250,75 €, account DE89 3704 0044 0532 0130 00";
const DEPOSIT_AFTER_MS = 500;
const silent = createOutput({ write: () => undefined }, false);

let world: DaemonWorld;
let fiona: WorldAgent;
let marco: WorldAgent;
/** Stands between members and the node; what it is told of a deposit's answer, it may keep to itself. */
let proxy: Server;
let afterDeposit: (() => Promise<"drop">) | undefined;

/** Hands on everything; a deposit's answer only where nobody wants it lost. */
async function startProxy(target: string): Promise<string> {
  proxy ??= createServer((request, response) => {
    void (async () => {
      const { method = "GET", url = "/", headers } = request;
      const names = ["content-type", "authorization", "gaggle-proof"].filter((name) => headers[name] !== undefined);
      const body = await buffer(request);
      const kept = Object.fromEntries(names.map((name) => [name, String(headers[name])]));
      const answer = await fetch(target + url, { method, headers: kept, ...(method === "POST" ? { body: new Uint8Array(body) } : {}) });
      const text = await answer.text();
      const lost = url === "/api/v1/mailbox/deposits" && answer.ok && afterDeposit !== undefined && (await afterDeposit()) === "drop";
      if (lost) request.socket.destroy();
      else response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" }).end(text);
    })().catch(() => response.writeHead(502).end());
  });
  if (!proxy.listening) await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance", "marco.diaz": "marketing" }, via: startProxy });
  [fiona, marco] = [world.agent("fiona.berg"), world.agent("marco.diaz")];
  for (const agent of [fiona, marco]) await beginMail(agent);
  await world.meet(["fiona.berg", "marco.diaz"]);
  await marco.stop();
});
afterAll(async () => {
  proxy?.close();
  proxy?.closeAllConnections();
  await world?.close();
});

/** Starts an agent with short waits; its first round tells the node the key that its mail is sealed to. */
async function beginMail(agent: WorldAgent): Promise<void> {
  await writeAgentConfig(agent.home, { ...agent.config, mailbox: { depositAfterMs: DEPOSIT_AFTER_MS, roundMs: 1_000 } });
  await agent.start();
  await until(`${agent.subject}'s daemon reaches the node`, async () => (await agent.call("daemon.status", {})).bootstrap.reachable);
}

const send = async (key: string, task = SECRET): Promise<string> =>
  (await fiona.call("task.send", { target: { agentId: marco.agentId }, task, idempotencyKey: key })).taskId;
const delivery = async (taskId: string): Promise<string | undefined> => {
  const view = await fiona.call("status.fetch", { id: taskId });
  return view.kind === "task" ? view.delivery : undefined;
};
const isDelivered = (taskId: string, wanted: string) =>
  until(`the task is ${wanted}`, async () => (await delivery(taskId)) === wanted, 30_000);
const tasksAt = async (agent: WorldAgent) =>
  (await agent.call("inbox.list", { limit: 500 })).items.flatMap((item) => (item.kind === "task" ? [item] : []));
const arrived = (taskId: string) =>
  until("the task has arrived", async () => (await tasksAt(marco)).find((task) => task.taskId === taskId), 30_000);

/** What the stopped node's store holds: its files as they lie there, and every key and value that LevelDB reads from them. */
async function diskOf(orgDir: string): Promise<Buffer[]> {
  const store = join(orgDir, "bootstrap", "store");
  const files = readdirSync(store).map((name) => readFileSync(join(store, name)));
  const copy = join(world.dir, "store-copy");
  cpSync(store, copy, { recursive: true });
  const level = new Level<string, string>(copy);
  const pairs = await level.iterator().all();
  await level.close();
  rmSync(copy, { recursive: true });
  return [...files, ...pairs.flat().map((text) => Buffer.from(text))];
}

/** Deposits that wait on the running node, as its metrics say. */
async function mailWaiting(): Promise<number> {
  const { url } = JSON.parse(readFileSync(join(world.orgDir, "bootstrap", "ops.json"), "utf8")) as { url: string };
  const metrics = await (await fetch(new URL("/metrics", url))).text();
  return Number(/^gaggle_node_mail_waiting (\d+)$/m.exec(metrics)?.[1] ?? expect.unreachable(metrics));
}

/** The node and both daemons run, also where the test before has failed. */
async function allRun(): Promise<void> {
  await fetch(`${world.bootstrap.url}/healthz`).catch(() => world.bootstrap.start());
  for (const agent of [fiona, marco]) if (agent.daemonPids().length === 0) await agent.start();
}

/** Keys of fiona's deposits in the stopped node's store. */
const depositsOnDisk = async (): Promise<string[]> => {
  const short = (await diskOf(world.orgDir)).filter((bytes) => bytes.length < 200).map(String);
  return short.filter((key) => key.startsWith(`mail/deposit/${fiona.agentId}/`));
};

/** Pieces of a text that any encoding of it would hold: as it is, JSON-escaped, URL-encoded, and base64 at each of its three alignments. */
function formsOf(text: string): string[] {
  const escaped = JSON.stringify(text).slice(1, -1);
  const ascii = escaped.replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const base64 = [0, 1, 2].flatMap((shift) => {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]);
    return [bytes.toString("base64"), bytes.toString("base64url")].map((encoded) => encoded.slice(shift === 0 ? 0 : shift + 1, -4));
  });
  return [text, escaped, ascii, encodeURIComponent(text), Buffer.from(text).toString("hex"), ...base64];
}

/** Also looks into what is compressed there. */
function holds(disk: readonly Buffer[], text: string): boolean {
  const unpacked = disk.flatMap((bytes) => {
    const at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 0x08]));
    try {
      return at < 0 ? [bytes] : [bytes, gunzipSync(bytes.subarray(at))];
    } catch {
      return [bytes];
    }
  });
  const forms = formsOf(text).map((form) => Buffer.from(form));
  return unpacked.some((bytes) => forms.some((form) => bytes.includes(form)));
}

it("delivers to a recipient that was off, from a sender that is off by then; the node's store holds no word of it", async () => {
  const taskId = await send("k1");
  await isDelivered(taskId, "deposited");
  await fiona.kill();
  await world.bootstrap.kill();
  const disk = await diskOf(world.orgDir);
  expect(holds(disk, `mail/deposit/${fiona.agentId}`)).toBe(true);
  for (const text of [SECRET, "Quarry", "41.250,75", "3704 0044"])
    expect({ text, found: holds(disk, text) }).toEqual({ text, found: false });
  // Of the deposit itself, not even what kind of message it is; audit events, which agents send by themselves, do name tasks.
  const mail = disk.filter((bytes) => bytes.includes('"sealed":{'));
  expect(mail.length).toBeGreaterThan(0);
  for (const text of ["task.request", taskId])
    expect({
      text,
      found: holds(
        mail.filter((bytes) => bytes.length < 100_000 && bytes[0] === 0x7b),
        text,
      ),
    }).toEqual({ text, found: false });
  // The search can fail: it finds such a text in each of these places.
  for (const planted of [...formsOf(SECRET), gzipSync(SECRET)]) expect(holds([Buffer.from(planted)], SECRET)).toBe(true);
  await world.bootstrap.start();

  await marco.start();
  expect(await arrived(taskId)).toMatchObject({ task: SECRET, peer: { subject: "fiona.berg" } });
  const received = (await marco.audit("message.receive")).find(({ details }) => details["ref"] === taskId);
  expect(received?.details["depositedAt"]).toBeTypeOf("number");
  // An empty outbox may also be one that the receipt has not come to yet.
  await until("marco's receipt is deposited", async () =>
    (await marco.audit("message.deposit")).some(({ details }) => details["type"] === "mail.receipt"),
  );
  await marco.stop();

  await fiona.start();
  await isDelivered(taskId, "stored");
});

it("deposits once, whose answer was lost as the node was killed, and says so after it is back", async () => {
  let deposits = 0;
  afterDeposit = async () => {
    deposits++;
    afterDeposit = undefined;
    await world.bootstrap.kill();
    return "drop";
  };
  const taskId = await send("k2", "Second task");
  await until("the node is killed", () => deposits === 1, 30_000);
  expect(await delivery(taskId)).toBe("queued");
  await world.bootstrap.start();
  await isDelivered(taskId, "deposited");
  await world.bootstrap.kill();
  expect(await depositsOnDisk()).toHaveLength(1);
});

it("delivers directly while the node is down, and once, although the deposit comes too when it is back", async () => {
  const direct = await send("k3", "Third task");
  await marco.start();
  await world.meet(["fiona.berg", "marco.diaz"]);
  await isDelivered(direct, "stored");
  await world.bootstrap.start();
  await marco.stop();
  // Its first round fetches what was deposited before; the node is reached before that.
  await beginMail(marco);
  await until("all tasks have come, each once", async () => {
    const tasks = (await tasksAt(marco)).map(({ task }) => task);
    expect(tasks.toSorted()).toEqual([SECRET, "Second task", "Third task"].toSorted());
    return true;
  });
  // While both run, since what one says last when the other is off is deposited too.
  await until("the node has nothing left", async () => (await mailWaiting()) === 0);
  const received = await marco.audit("message.receive");
  expect(new Set(received.map(({ target }) => target)).size).toBe(received.length);
});

it("a file that leaves the department comes masked, is fetched by the agent of its task alone, and is saved as it was; one that is no text stays", async () => {
  await allRun();
  await until("both are there", async () =>
    (await fiona.call("directory.agents", {})).agents.some((one) => one.agentId === marco.agentId && one.online),
  );
  const book = join(world.dir, "bookings.csv");
  writeFileSync(book, `person;amount\nanna.keller@quarry.example;12.50\n${"row;1\n".repeat(2_000)}`);
  const asked = await fiona.gaggle(["--json", "send", "Check these", "--agent", marco.agentId, "--attach", book]);
  expect({ code: asked.code, stderr: asked.stderr }).toEqual({ code: 0, stderr: "" });
  const { taskId } = JSON.parse(asked.stdout) as { taskId: string };
  await arrived(taskId);
  const { items } = await until(
    "the file is here",
    async () => {
      const list = await marco.call("artifact.list", { taskId });
      return list.items.length === 1 && list.items.every(({ here }) => here) ? list : undefined;
    },
    30_000,
  );
  expect(items).toMatchObject([{ name: "bookings.csv", mediaType: "text/csv" }]);
  const saved = await marco.gaggle(["--json", "inbox", "save", taskId, "--to", join(world.dir, "saved")]);
  expect({ code: saved.code, stderr: saved.stderr }).toEqual({ code: 0, stderr: "" });
  const text = readFileSync(join(world.dir, "saved", "bookings.csv"), "utf8");
  expect(text).toBe(readFileSync(book, "utf8"));
  const kept = readdirSync(join(marco.home, "artifacts"), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(kept.length).toBeGreaterThan(1);
  for (const { parentPath, name } of kept) expect(readFileSync(join(parentPath, name), "latin1")).not.toContain("anna.keller");
  const picture = join(world.dir, "scan.png");
  writeFileSync(picture, Buffer.from([0x89, 0x50, 0x4e, 0x47]));
  const refused = await fiona.gaggle(["--json", "send", "And this", "--agent", marco.agentId, "--attach", picture]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr + refused.stdout).toContain("GUARD_REFUSED");
});

it("seals to a person's new machine when the old one is lost", async () => {
  await allRun();
  await marco.stop();
  const taskId = await send("k4", "For whatever machine he has");
  await isDelivered(taskId, "deposited");
  const phone = await world.join("marco.diaz", "marketing", "marco.diaz-phone");
  await beginMail(phone);
  await phone.stop();
  await orgRevoke({ dir: world.orgDir, agent: marco.agentId }, silent, { clock: systemClock, random: systemRandom });
  await world.sign();
  await fiona.stop();
  await fiona.start();
  await phone.start();
  const task = await until("the task is on the phone", async () => (await tasksAt(phone)).find((one) => one.taskId === taskId), 60_000);
  expect(task).toMatchObject({ task: "For whatever machine he has", state: "SUBMITTED" });
  await isDelivered(taskId, "stored");
});
