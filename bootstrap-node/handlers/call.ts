/** What a handler of the API gets and gives. */
import type { Readable } from "node:stream";
import type { BootstrapRequest, BootstrapResponse, BootstrapRoute } from "../../mesh/contract/bootstrap-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { ProofClaims } from "../../mesh/identity/proof.ts";
import type { Caller } from "../caller.ts";
import type { Member } from "../members.ts";

/** A call of a route: who, with what, the parameters of path and query, and a signal that the client is gone or the time is over. */
interface Call<R extends BootstrapRoute> {
  readonly caller: Caller;
  readonly body: BootstrapRequest<R>;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** One handler per route. The export answers with a stream of ndjson lines. */
export type Handlers = {
  readonly [R in BootstrapRoute]: (call: Call<R>) => Promise<R extends "export" ? Readable : BootstrapResponse<R>> | BootstrapResponse<R>;
};

const missing = (): never => {
  throw new GaggleError("INTERNAL", "The caller was not identified.");
};

/** The proof of the caller's key. Who calls is settled before a handler runs; that it is missing here would be a bug. */
export const proven = ({ proof }: Caller): ProofClaims => proof ?? missing();
/** The member that calls. */
export const memberOf = ({ member }: Caller): Member => member ?? missing();
