/**
 * Decides who gets in. Every connection starts as a stranger's, has HELLO_TIMEOUT_MS to prove membership, and until then only hello answers
 * on it: all other handlers are wrapped by {@link Gatekeeper.guard}. Source: design, Trust, Strangers; decision 0021.
 */
import type { Connection, Stream, StreamHandler } from "@libp2p/interface";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { HELLO_TIMEOUT_MS } from "../contract/limits.ts";
import type { Clock } from "../contract/ports.ts";
import { cut } from "./cut.ts";
import { hostOf } from "./address.ts";
import { type HelloSide, helloAsDialler, helloAsListener, refusalCode } from "./hello-exchange.ts";
import type { Hello, ProvenHello } from "./hello-wire.ts";
import type { PeerLog, PeerRefusal } from "./peer-node.ts";
import {
  HELLO_PROTOCOLS,
  MAX_STREAMS_PER_PROTOCOL,
  MAX_UNPROVEN,
  MAX_UNPROVEN_PER_HOST,
  MAX_UNPROVEN_STREAMS,
  UNPROVEN_LOOK_MS,
} from "./protocols.ts";

/** Time to let a refusal reach the peer before the connection is cut. */
const FAREWELL_MS = 500;

const OUT = "A member was cut off for what it did and is kept out for a while.";

/** A connection whose peer has proven membership. */
export interface ProvenConnection {
  readonly agentId: string;
  readonly connection: Connection;
  readonly hello: ProvenHello;
}

/** What the gatekeeper needs. */
export interface GatekeeperDeps {
  ownHello(): Hello;
  /** @throws GaggleError where the peer is not believed */
  judge(said: Hello, agentId: string): ProvenHello;
  onProven(proven: ProvenConnection): void;
  /** Whether a member may open another stream now; default: always. Otherwise it is cut off. */
  mayOpenStream?(agentId: string): boolean;
  /** Whether an agent is kept out for what it did before; default: never. Its connection is cut before hello. */
  isOut?(agentId: string): boolean;
  /** A member was cut off because it opens too many streams. */
  onFlood?(agentId: string): void;
  onRefusal(refusal: PeerRefusal): void;
  /** Called when a connection that was never proven is gone, so that nothing of a stranger is kept. */
  onStrangerGone(connection: Connection): void;
  readonly clock: Clock;
  readonly log: PeerLog;
}

/** Keeps strangers out. */
export interface Gatekeeper {
  /** Call for every connection as it opens. */
  admit(connection: Connection): void;
  /** Handler of the hello protocol. */
  readonly helloHandler: StreamHandler;
  /** Wraps a handler of another protocol: it runs for proven members only; a stranger's connection is cut. */
  guard(handler: (stream: Stream, from: ProvenConnection) => void): StreamHandler;
  /**
   * Resolves when the connection's peer is proven.
   * @throws GaggleError why it was not
   */
  proven(connection: Connection): Promise<ProvenConnection>;
  /** Forgets all and stops all timers. */
  close(): void;
}

type Stage = "stranger" | "believed" | "proven" | "refused";

interface Admission {
  readonly connection: Connection;
  readonly agentId: string;
  readonly abort: AbortController;
  readonly outcome: PromiseWithResolvers<ProvenConnection>;
  stage: Stage;
  helloBegun: boolean;
  cancelTimer: () => void;
}

/** A gatekeeper over connections that Noise has secured. */
export function createGatekeeper(deps: GatekeeperDeps): Gatekeeper {
  const admissions = new Map<string, Admission>();

  const unproven = (): Admission[] => [...admissions.values()].filter((one) => one.stage !== "proven");

  function isCrowded(connection: Connection): boolean {
    const waiting = unproven();
    const host = hostOf(connection.remoteAddr);
    const sameHost = waiting.filter((one) => hostOf(one.connection.remoteAddr) === host);
    return waiting.length >= MAX_UNPROVEN || sameHost.length >= MAX_UNPROVEN_PER_HOST;
  }

  function refuse(admission: Admission, error: unknown): void {
    if (admission.stage === "refused" || admission.stage === "proven") return;
    admission.stage = "refused";
    admission.cancelTimer();
    admission.outcome.reject(error);
    const { connection, agentId } = admission;
    const code = refusalCode(error);
    if (code !== undefined) deps.onRefusal({ agentId, address: connection.remoteAddr.toString(), code });
    deps.log.debug({ peer: agentId, code: errorCode(error), ours: code !== undefined }, "hello failed");
    part(connection);
  }

  /** Closes with a short time for what was written last, then cuts. */
  function part(connection: Connection): void {
    connection.close({ signal: AbortSignal.timeout(FAREWELL_MS) }).catch((error: Error) => cut(connection, error));
  }

  function cutOff(admission: Admission, error: GaggleError): void {
    refuse(admission, error);
    admission.abort.abort(error);
    cut(admission.connection, error);
  }

  function accept(admission: Admission, hello: ProvenHello): void {
    if (admission.stage === "refused" || admission.connection.status !== "open") return;
    admission.stage = "proven";
    admission.cancelTimer();
    const proven = { agentId: admission.agentId, connection: admission.connection, hello };
    deps.onProven(proven);
    admission.outcome.resolve(proven);
  }

  const sideFor = (admission: Admission): HelloSide => ({
    own: () => deps.ownHello(),
    judge: (said) => deps.judge(said, admission.agentId),
  });

  async function dialHello(admission: Admission): Promise<void> {
    admission.helloBegun = true;
    try {
      const { signal } = admission.abort;
      const stream = await admission.connection.newStream(HELLO_PROTOCOLS, { signal, runOnLimitedConnection: true });
      accept(admission, await helloAsDialler(stream, sideFor(admission), signal));
      stream.close().catch((error: Error) => stream.abort(error));
    } catch (error) {
      refuse(admission, error);
    }
  }

  async function answerHello(admission: Admission, stream: Stream): Promise<void> {
    admission.helloBegun = true;
    const believe = (): void => {
      if (admission.stage === "stranger") admission.stage = "believed";
    };
    try {
      accept(admission, await helloAsListener(stream, sideFor(admission), admission.abort.signal, believe));
      stream.close().catch((error: Error) => stream.abort(error));
    } catch (error) {
      refuse(admission, error);
    }
  }

  function forget(admission: Admission): void {
    admissions.delete(admission.connection.id);
    admission.cancelTimer();
    const end = (): void => {
      const error = new GaggleError("PEER_UNREACHABLE", "The connection ended before both sides had proven their membership.");
      admission.outcome.reject(error);
      admission.abort.abort(error);
    };
    // A refusal may have come in the same breath as the close: hello reads it first.
    if (admission.helloBegun) deps.clock.after(FAREWELL_MS, end);
    else end();
    if (admission.stage !== "proven") deps.onStrangerGone(admission.connection);
  }

  function admit(connection: Connection): void {
    const agentId = connection.remotePeer.toString();
    const isOut = deps.isOut?.(agentId) === true;
    if (isOut || isCrowded(connection)) {
      deps.onRefusal({ agentId, address: connection.remoteAddr.toString(), code: "BUSY" });
      cut(connection, new GaggleError("BUSY", isOut ? OUT : "Too many connections wait to prove their membership."));
      return;
    }
    const admission: Admission = {
      connection,
      agentId,
      abort: new AbortController(),
      outcome: Promise.withResolvers(),
      stage: "stranger",
      helloBegun: false,
      cancelTimer: deps.clock.after(HELLO_TIMEOUT_MS, () =>
        cutOff(admission, new GaggleError("TIMEOUT", `The peer did not prove its membership within ${HELLO_TIMEOUT_MS} ms.`)),
      ),
    };
    // Most connections have nobody waiting for their outcome.
    admission.outcome.promise.catch(() => undefined);
    admissions.set(connection.id, admission);
    connection.addEventListener("close", () => forget(admission));
    deps.clock.after(UNPROVEN_LOOK_MS, () => lookAtStreams(admission));
    if (connection.direction === "outbound") void dialHello(admission);
  }

  const stranger = (): GaggleError => new GaggleError("NOT_A_MEMBER", "A peer that has not proven its membership opened another protocol.");

  function turnAway(stream: Stream, connection: Connection, admission: Admission | undefined): void {
    stream.abort(stranger());
    if (admission === undefined) cut(connection, stranger());
    else cutOff(admission, stranger());
  }

  /** A member that opens streams faster than any of ours does. It may come back later. */
  function cutFlooder(stream: Stream, { agentId, connection }: Admission): void {
    const error = new GaggleError("BUSY", "A member opens too many streams.");
    stream.abort(error);
    if (connection.status !== "open") return;
    deps.onFlood?.(agentId);
    deps.onRefusal({ agentId, address: connection.remoteAddr.toString(), code: error.code });
    cut(connection, error);
  }

  const isOneTooMany = ({ protocol }: Stream, { streams }: Connection): boolean =>
    streams.filter((one) => one.protocol === protocol && one.direction === "inbound").length > MAX_STREAMS_PER_PROTOCOL;

  /** Streams that nobody has named a protocol on reach no handler; a stranger could fill the memory with them. */
  function lookAtStreams(admission: Admission): void {
    const { connection, stage } = admission;
    if (stage === "proven" || connection.status !== "open" || connection.streams.length <= MAX_UNPROVEN_STREAMS) return;
    cutOff(admission, new GaggleError("BUSY", "A peer that has not proven its membership opened too many streams."));
  }

  return {
    admit,
    helloHandler(stream, connection) {
      const admission = admissions.get(connection.id);
      // One hello a connection, from its dialler.
      if (admission === undefined || admission.helloBegun) turnAway(stream, connection, admission);
      else void answerHello(admission, stream);
    },
    guard: (handler) => (stream, connection) => {
      const admission = admissions.get(connection.id);
      if (admission?.stage === "proven" && deps.mayOpenStream?.(admission.agentId) === false) {
        cutFlooder(stream, admission);
      } else if (admission?.stage === "proven" || admission?.stage === "believed") {
        if (isOneTooMany(stream, connection))
          return stream.abort(new GaggleError("BUSY", "A peer has too many streams of one protocol open."));
        admission.outcome.promise.then(
          (from) => handler(stream, from),
          (error: Error) => stream.abort(error),
        );
      } else {
        turnAway(stream, connection, admission);
      }
    },
    proven(connection) {
      const admission = admissions.get(connection.id);
      const gone = (): GaggleError => new GaggleError("PEER_UNREACHABLE", "The connection to the peer has ended.");
      return admission?.outcome.promise ?? Promise.reject(gone());
    },
    close() {
      for (const admission of admissions.values()) admission.cancelTimer();
    },
  };
}
