/**
 * Throws mutated frames at one agent: bytes of valid envelopes and hellos altered at random, and hostile claims signed by a genuine member that lies.
 * What must hold after each is said in {@link checkAnswer} and {@link fuzzFrames}.
 */
import { DAEMON_METHODS } from "../../mesh/contract/daemon-api.ts";
import { ERROR_TABLE, errorCode, GaggleError } from "../../mesh/contract/errors.ts";
import { newUuid } from "../../mesh/contract/ids.ts";
import { canonicalHash, type Json } from "../../mesh/contract/json.ts";
import { type EnvelopeClaims, type Message, receipt } from "../../mesh/contract/message.ts";
import { sealEnvelope } from "../../mesh/delivery/envelope.ts";
import { createFrameReader, encodeFrame } from "../../mesh/peer/frame-codec.ts";
import { readHelloMessage } from "../../mesh/peer/hello-wire.ts";
import { createWorld, startNode, type TestNode, type World } from "../support/messaging-node.ts";
import type { TestMember } from "../support/audit-fixture.ts";
import { below, mutateBytes, mutateJson, oneOf } from "./mutate.ts";

/** Frames after which a new world begins, so that what is kept of them does not pile up. */
const FRAMES_A_WORLD = 20_000;
/** Virtual time between two frames: as fast as one sender may go. */
const STEP_MS = 200;
/** Good envelopes that are kept ready to be altered. */
const GOOD_FRAMES = 50;

/** How many frames met which end. */
export interface FuzzResult {
  readonly seed: number;
  readonly frames: number;
  /** Count by what came of a frame: `stored`, `duplicate`, `busy`, or the code of the refusal. */
  readonly ends: Readonly<Record<string, number>>;
}

interface Scene {
  readonly world: World;
  readonly victim: TestNode;
  readonly friend: TestNode;
  readonly liar: TestMember;
  /** A task that the victim asked of its friend, which the liar has heard of. */
  readonly asked: string;
  /** A task that the liar itself asked of the victim. */
  readonly own: string;
  /** Good envelopes that are altered. */
  readonly good: Buffer[];
}

async function startScene(seed: number): Promise<Scene> {
  const world = createWorld(seed);
  const [victimMember, friendMember] = [world.addMember("marco.diaz", "marketing"), world.addMember("fiona.berg", "finance")];
  const liar = world.addMember("liam.ar", "sales");
  const victim = await startNode(world, victimMember);
  const friend = await startNode(world, friendMember);
  const target = { agentId: friend.self.agentId };
  const { taskId } = await victim.call("task.send", { target, task: "Count the boxes.", idempotencyKey: "first" });
  await world.clock.advance(1_000);
  return { world, victim, friend, liar, asked: taskId, own: newUuid(world.clock.now(), world.random), good: [] };
}

/** Valid messages about what is there and what is not, one of each kind that a member may send. */
function samplesOf({ world, asked, own }: Scene): Message[] {
  const { random, clock } = world;
  const payload = { amount: "12.00" };
  const fresh = newUuid(clock.now(), random);
  const request = { type: "task.request" as const, task: "Fold the maps.", context: { a: [1] }, policyHints: {}, idempotencyKey: fresh };
  return [
    { ...request, taskId: own },
    { ...request, taskId: fresh },
    { type: "task.update", taskId: asked, rev: 3, state: "COMPLETED", result: { ok: true } },
    { type: "task.progress", taskId: asked, seq: 1, note: "half", fraction: 0.5 },
    { type: "task.answer", taskId: own, rev: 1, answer: "yes" },
    { type: "task.read", taskId: asked },
    { type: "task.cancel", taskId: asked, reason: "" },
    { type: "task.cancel", taskId: own, reason: "" },
    {
      type: "approval.request",
      approvalId: fresh,
      payload,
      payloadHash: canonicalHash(payload),
      idempotencyKey: fresh,
      sessionId: "s",
      stepId: "1",
    },
    { type: "approval.decision", approvalId: fresh, decision: "a.b.c" },
    { type: "notification", message: "Hello", severity: "info" },
    { type: "pseudonym.key", epoch: 1, sealed: "a.b.c.d.e" },
    { type: "mail.receipt", envelopeId: fresh, status: "stored" },
  ];
}

function claimsOf({ world, victim, liar }: Scene, message: Message): EnvelopeClaims {
  const now = world.clock.now();
  return {
    v: 1,
    id: newUuid(now, world.random),
    ts: now,
    exp: now + 60_000,
    org: world.org.org,
    from: liar.principal.agentId,
    to: victim.self.agentId,
    priority: "P2",
    policyHash: "a".repeat(64),
    traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
    credential: liar.credential,
    message,
  };
}

/** Signed as it is, also where our own writer would refuse it. */
function signRaw({ liar }: Scene, payload: Json): Buffer {
  const part = (text: string): string => Buffer.from(text).toString("base64url");
  const head = { alg: "EdDSA", kid: liar.signer.thumbprint, typ: "gaggle-envelope+jws" };
  const signed = `${part(JSON.stringify(head))}.${part(JSON.stringify(payload))}`;
  return Buffer.from(`${signed}.${Buffer.from(liar.signer.sign(Buffer.from(signed))).toString("base64url")}`);
}

/** Hostile claims under a true signature: mostly in the message, where they get furthest. */
function makeLie(scene: Scene): Buffer {
  const { random } = scene.world;
  const message = oneOf(random, samplesOf(scene));
  if (below(random, 4) === 0) return signRaw(scene, mutateJson(claimsOf(scene, message) as unknown as Json, random));
  const claims = claimsOf(scene, mutateJson(message as unknown as Json, random) as Message);
  return signRaw(scene, claims as unknown as Json);
}

/** A frame for the victim: one in four is a lie, the others are altered bytes of good envelopes, which nobody signed unless by chance one of them came out whole. */
function makeFrame(scene: Scene): { frame: Buffer; signed: boolean } {
  const { random } = scene.world;
  if (below(random, 4) === 0) return { frame: makeLie(scene), signed: true };
  const sealed = (): Buffer => Buffer.from(sealEnvelope(claimsOf(scene, oneOf(random, samplesOf(scene))), scene.liar.signer));
  while (scene.good.length < GOOD_FRAMES) scene.good.push(sealed());
  const at = below(random, GOOD_FRAMES);
  const frame = scene.good[at] ?? sealed();
  // Now and then a new one, since the others grow old.
  if (below(random, 50) === 0) scene.good[at] = sealed();
  const mutated = mutateBytes(frame, random, oneOf(random, scene.good));
  // Cutting and joining may by chance give a good one whole, this or another.
  return { frame: mutated, signed: [frame, ...scene.good].some((good) => mutated.equals(good)) };
}

/** What an agent answers is one of its own words: a receipt or an error with a code, never INTERNAL. @throws Error */
async function checkAnswer(answered: Promise<Uint8Array>): Promise<string> {
  let end: string;
  try {
    const said = receipt.parse(JSON.parse(Buffer.from(await answered).toString("utf8")));
    end = said.status === "refused" ? said.code : said.status;
  } catch (error) {
    if (!(error instanceof GaggleError)) throw error;
    end = errorCode(error);
  }
  if (end === "INTERNAL" || end === "STORE_FAILED") throw new Error(`A frame made the agent fail with ${end}.`);
  if (!["stored", "duplicate", "busy"].includes(end) && !Object.hasOwn(ERROR_TABLE, end))
    throw new Error("A frame was answered with no known code.");
  return end;
}

/** The same bytes as a stream of frames, in pieces: frames no larger than what came, or a clear refusal. @throws Error */
function checkStream(bytes: Buffer, { random }: World): void {
  let given = 0;
  const reader = createFrameReader(({ payload }) => {
    given += payload.byteLength;
  });
  const stream = mutateBytes(Buffer.from(encodeFrame({ id: below(random, 2 ** 31), kind: "request", payload: bytes })), random, bytes);
  try {
    for (let at = 0; at < stream.length; ) {
      const piece = 1 + below(random, 4_000);
      reader.push(stream.subarray(at, at + piece));
      at += piece;
    }
  } catch (error) {
    if (!(error instanceof GaggleError)) throw error;
  }
  if (given > stream.length) throw new Error("A stream gave more bytes than came.");
}

/** A hello made of a valid one: read or refused with INVALID_INPUT. @throws Error */
function checkHello({ world, liar }: Scene): void {
  const { random } = world;
  const hello: Json = {
    v: 1,
    kind: "hello",
    org: world.org.org,
    credential: liar.credential,
    bundleVersion: 1,
    revocationSeq: 0,
    card: { version: 1, skills: [{ id: "echo", description: "Echo." }] },
    addresses: ["/ip4/10.0.0.1/tcp/4001"],
    time: world.clock.now(),
  };
  const text = Buffer.from(JSON.stringify(below(random, 2) === 0 ? mutateJson(hello, random) : hello));
  try {
    readHelloMessage(below(random, 2) === 0 ? mutateBytes(text, random, text) : text);
  } catch (error) {
    if (!(error instanceof GaggleError)) throw error;
  }
}

/** What a liar can't change: a task between two others, and what the agent does for them. @throws Error */
async function checkUnharmed({ world, victim, friend, asked }: Scene): Promise<void> {
  const task = DAEMON_METHODS["status.fetch"].result.parse(await victim.call("status.fetch", { id: asked }));
  if (task.kind !== "task" || task.state !== "SUBMITTED" || task.delivery !== "stored")
    throw new Error("A liar changed a task between two others.");
  const [failure] = victim.state.errors;
  if (failure !== undefined) throw new Error("A frame made the agent meet an error.", { cause: failure });
  const { taskId } = await friend.call("task.send", {
    target: { agentId: victim.self.agentId },
    task: "Still there?",
    idempotencyKey: `after-${world.clock.now()}`,
  });
  await world.clock.advance(120_000);
  const sent = await friend.call("status.fetch", { id: taskId });
  if (sent.kind !== "task" || sent.delivery !== "stored") throw new Error("After hostile frames the agent takes no good task any more.");
}

/**
 * Throws `frames` frames; the same seed throws the same ones.
 * @param onProgress told now and then how many there were
 * @throws Error that names the seed of the world, at the first frame after which something does not hold
 */
export async function fuzzFrames(seed: number, frames: number, onProgress: (done: number) => void = () => undefined): Promise<FuzzResult> {
  const ends: Record<string, number> = {};
  for (let done = 0; done < frames; ) {
    const worldSeed = seed + done;
    const scene = await startScene(worldSeed);
    const count = Math.min(FRAMES_A_WORLD, frames - done);
    try {
      for (let i = 0; i < count; i++) {
        const { frame, signed } = makeFrame(scene);
        const end = await checkAnswer(scene.victim.messaging.receiveFrame(frame, scene.liar.principal));
        if (!signed && (end === "stored" || end === "duplicate")) throw new Error("A frame that nobody signed was taken.");
        ends[end] = (ends[end] ?? 0) + 1;
        checkStream(frame, scene.world);
        checkHello(scene);
        await scene.world.clock.advance(STEP_MS);
      }
      await checkUnharmed(scene);
    } catch (cause) {
      throw new Error(`Something broke in the world of seed ${worldSeed}; run it again with --seed ${worldSeed} --frames ${count}.`, {
        cause,
      });
    }
    for (const node of [scene.victim, scene.friend]) node.stop();
    done += count;
    onProgress(done);
  }
  return { seed, frames, ends };
}
