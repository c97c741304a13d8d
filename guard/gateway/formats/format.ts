/** What a vendor's API has to tell the gateway: how its requests are walked, its answers restored, its use counted. */
import type { Json, JsonObject } from "../../../mesh/contract/json.ts";
import type { Protocol, Usage } from "../call-routes.ts";
import type { ErrorFacts } from "../refusal.ts";
import type { Replacements } from "../restore-tree.ts";
import type { RequestVisitor } from "./walk.ts";

/** Remembers reasoning that the model's server sealed, so that it goes back exactly as it came. */
export interface SealKeeper {
  /** @param original the text as the server sent it @param shown the same as the client got it */
  keep(seal: string, original: string, shown: string): void;
}

/** What an answer is restored with. */
export interface AnswerContext {
  readonly replacements: Replacements;
  readonly seals: SealKeeper;
}

/** Restores a stream event by event; holds back only what may be an unfinished token. */
export interface EventRestorer {
  /** The events to send for one of the model's. */
  push(event: JsonObject): JsonObject[];
  /** The events for what is still held; the stream is over. */
  end(): JsonObject[];
}

/** One API. */
export interface Format {
  readonly protocol: Protocol;
  /** Path behind the `/v1` of gateway and upstream. */
  readonly path: string;
  /**
   * Walks a request body.
   * @returns the same request with each text as the visitor gave it back
   * @throws GaggleError GUARD_REFUSED for anything unknown, and what the visitor throws
   */
  visit(body: Json, visitor: RequestVisitor): JsonObject;
  /** An answer in one piece with its tokens restored. */
  restoreWhole(body: JsonObject, context: AnswerContext): JsonObject;
  createEvents(context: AnswerContext): EventRestorer;
  /** What a whole answer or an event says of the tokens used; undefined where it says nothing. */
  usageOf(body: JsonObject): Partial<Usage> | undefined;
  /** True where a stream names its events in `event:` lines. */
  readonly namedEvents: boolean;
  /** An error as clients of this API read it. */
  errorBody(facts: ErrorFacts): JsonObject;
}
