/**
 * Members hand each other signed bundles, so that a revocation reaches everybody who is connected to anybody, also while the bootstrap node is
 * down. What comes is checked against the pinned root key by whoever takes it; the peer that brought it is believed in nothing. Source: decision 0081.
 */
import type { Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { z } from "zod";
import { signedBundle } from "../contract/bundle.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { sha256 } from "../contract/ids.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import { FRAME_TIMEOUT_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import { REVOCATION_PAGE, revocationJws } from "../contract/revocation.ts";
import { forWire } from "../contract/wire.ts";
import { revocationId, revocationPage } from "../identity/revocation.ts";
import { withDeadline } from "./deadline.ts";
import type { ProvenConnection } from "./gatekeeper.ts";
import type { Members } from "./members.ts";
import type { BundleNews } from "./peer-exchange.ts";
import type { BundleOffer, BundleSharing, PeerLog } from "./peer-node.ts";
import { violationOf } from "./violation.ts";
import { BUNDLE_PROTOCOL, MAX_BUNDLE_REPLY_BYTES } from "./protocols.ts";

/** Room in the reading buffer beside the message: one yamux frame. */
const SLACK_BYTES = 262_144;
/** How long a member that promised more than it gave is not asked again: at first, doubling, and at most, since it may lie. */
const PATIENCE_MIN_MS = 250;
/** See {@link PATIENCE_MIN_MS}. */
const PATIENCE_MAX_MS = 60_000;
const MAX_QUESTION_BYTES = 1_024;
/** Pages of statements that are taken from one member: the most of ten admin keys. A member that makes them up costs a signature check for each. */
const MAX_PAGES = 5;

/** `after`: id of a revocation; what is asked for then is the page of revocations behind it, and no bundle. */
const question = z.strictObject({ v: z.literal(1), kind: z.literal("bundle"), after: sha256.optional() });
const reply = z.strictObject({
  v: z.literal(1),
  kind: z.literal("bundle"),
  offer: z
    .strictObject({
      manifest: z.string().max(1_048_576),
      bundle: signedBundle.nullable(),
      revocations: z.array(revocationJws).max(REVOCATION_PAGE).optional(),
    })
    .nullable(),
});

/** What the exchange needs. */
export interface BundleExchangeDeps {
  readonly sharing: BundleSharing;
  readonly members: Members;
  /** Minor version of the wire that a member knows. */
  wireOf(agentId: string): number;
  /** A member broke the protocol; its connection is cut. */
  onViolation(from: ProvenConnection, error: Error): void;
  readonly clock: Clock;
  readonly log: PeerLog;
}

/** Fetches newer bundles from members and hands out its own. */
export interface BundleExchange {
  /** A member has said what it knows. */
  heard(agentId: string, news: BundleNews): void;
  /** Answers a member's stream of the bundle protocol. */
  serve(stream: Stream, from: ProvenConnection): void;
  close(): void;
}

const offerOf = ({ manifest, bundle, revocations = [] }: BundleOffer, after: string | undefined): BundleOffer => ({
  ...(after === undefined ? { manifest, bundle } : { manifest: "", bundle: null }),
  ...(revocations.length === 0 ? {} : { revocations: revocationPage(revocations, after) }),
});
const encode = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const talkOn = (stream: Stream, maxDataLength: number): ReturnType<typeof lpStream<Stream>> =>
  lpStream(stream, { maxDataLength, maxBufferSize: maxDataLength + SLACK_BYTES });

const knowsPages = (minor: number): boolean => "after" in forWire("bundle.question", { after: "" }, minor);

function readOffer(bytes: Uint8Array): BundleOffer | undefined {
  const { offer } = parseAs(reply, parseJson(Buffer.from(bytes).toString("utf8"), "The bundle's message"), "The bundle's message");
  if (offer === null) return undefined;
  const { revocations, ...rest } = offer;
  return revocations === undefined ? rest : { ...rest, revocations };
}

/** An exchange that asks one member at a time. */
export function createBundleExchange(deps: BundleExchangeDeps): BundleExchange {
  /** Who said to know something newer, the last word of each. */
  const sources = new Map<string, BundleNews>();
  /** Who promised more than it gave, how often in a row, and until when it is not asked again, in ms since the epoch. */
  const disappointing = new Map<string, { times: number; until: number }>();
  let fetching = false;
  let closed = false;

  const roleOf = (agentId: string): string | undefined =>
    deps.members.list().find(({ principal }) => principal.agentId === agentId)?.principal.role;

  function isWanted(agentId: string, news: BundleNews): boolean {
    if ((disappointing.get(agentId)?.until ?? 0) > deps.clock.now()) return false;
    const role = roleOf(agentId);
    return role !== undefined && deps.sharing.wants(news, role);
  }

  /** One question on its own stream. @param after see {@link question} */
  async function ask(agentId: string, after?: string): Promise<BundleOffer | undefined> {
    const stream = await deps.members.connectionTo(agentId).newStream(BUNDLE_PROTOCOL, { runOnLimitedConnection: true });
    try {
      return await withDeadline(deps.clock, FRAME_TIMEOUT_MS, "Fetching a bundle from a peer", async (signal) => {
        const talk = talkOn(stream, MAX_BUNDLE_REPLY_BYTES);
        const asked = { v: 1, kind: "bundle", ...(after === undefined ? {} : { after }) };
        await talk.write(encode(forWire("bundle.question", asked, deps.wireOf(agentId))), { signal });
        const bytes = await talk.read({ signal });
        await stream.close({ signal });
        return readOffer(bytes.subarray());
      });
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error("bundle not fetched"));
      throw error;
    }
  }

  /** The pages of revocations behind a full one. What can't be had keeps nothing back of what has come: each statement counts by itself. */
  async function restOf(agentId: string, first: readonly string[]): Promise<string[]> {
    const rest: string[] = [];
    let page = first;
    for (let pages = 1; pages < MAX_PAGES && page.length === REVOCATION_PAGE; pages++) {
      const next = await ask(agentId, page.map(revocationId).toSorted().at(-1)).catch((error: unknown) =>
        deps.log.debug({ peer: agentId, code: errorCode(error) }, "no further revocations from this member"),
      );
      page = next?.revocations ?? [];
      rest.push(...page);
    }
    return rest;
  }

  async function fetchFrom(agentId: string): Promise<void> {
    const offer = await ask(agentId);
    if (offer === undefined) return;
    const { revocations: first, ...rest } = offer;
    if (first === undefined) return deps.sharing.take(rest);
    // Who is older would give the first page again.
    const more = knowsPages(deps.wireOf(agentId)) ? await restOf(agentId, first) : [];
    await deps.sharing.take({ ...rest, revocations: [...first, ...more] });
  }

  /** Asks one source after another, until nobody knows more than this agent. */
  async function fetchAll(): Promise<void> {
    for (const [agentId, news] of sources) {
      sources.delete(agentId);
      if (closed || !isWanted(agentId, news)) continue;
      await fetchFrom(agentId).catch((error: unknown) =>
        deps.log.debug({ peer: agentId, code: errorCode(error) }, "no bundle from this member"),
      );
      judge(agentId, news);
    }
  }

  /** A bootstrap node that is being given a new version has it for one role after the other, so the first waits are short. */
  function judge(agentId: string, news: BundleNews): void {
    const times = (disappointing.get(agentId)?.times ?? 0) + 1;
    disappointing.delete(agentId);
    if (!isWanted(agentId, news)) return;
    const waitMs = Math.min(PATIENCE_MIN_MS * 2 ** times, PATIENCE_MAX_MS);
    disappointing.set(agentId, { times, until: deps.clock.now() + waitMs });
    deps.clock.after(waitMs, () => heard(agentId, news));
  }

  function heard(agentId: string, news: BundleNews): void {
    if (closed || !isWanted(agentId, news)) return;
    sources.set(agentId, news);
    if (fetching) return;
    fetching = true;
    void fetchAll().finally(() => {
      fetching = false;
    });
  }

  async function answer(stream: Stream, role: string, signal: AbortSignal): Promise<void> {
    const talk = talkOn(stream, MAX_QUESTION_BYTES);
    const asked = await talk.read({ signal });
    const { after } = parseAs(question, parseJson(Buffer.from(asked.subarray()).toString("utf8"), "The question"), "The question");
    const offer = deps.sharing.offer(role);
    const bytes = encode({ v: 1, kind: "bundle", offer: offer === undefined ? null : offerOf(offer, after) });
    if (bytes.byteLength > MAX_BUNDLE_REPLY_BYTES)
      throw new GaggleError("TOO_LARGE", "The bundle is larger than one answer between peers.");
    await talk.write(bytes, { signal });
    await stream.close({ signal });
  }

  return {
    heard,
    serve(stream, from) {
      withDeadline(deps.clock, FRAME_TIMEOUT_MS, "Handing out a bundle", (signal) =>
        answer(stream, from.hello.principal.role, signal),
      ).catch((error: unknown) => {
        deps.log.debug({ peer: from.agentId, code: errorCode(error) }, "a bundle was not handed out");
        stream.abort(error instanceof Error ? error : new Error("bundle not handed out"));
        const violation = violationOf(error);
        if (violation !== undefined) deps.onViolation(from, violation);
      });
    },
    close() {
      closed = true;
    },
  };
}
