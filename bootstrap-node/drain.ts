/** Ends the API in order: what runs ends, what comes new is told to come later, and only then is the port closed. */
import type { FastifyInstance } from "fastify";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { Clock } from "../mesh/contract/ports.ts";

/** Longest time that running requests get. */
const DRAIN_MS = 15_000;
/** When a client may try again, in seconds: a restart takes no longer. */
const RETRY_AFTER_SECONDS = 5;

/** The requests under way. */
export interface Drain {
  /** Counts the server's requests from now on, and refuses new ones once it ends. */
  watch(app: FastifyInstance): void;
  readonly ending: boolean;
  /** Refuses new requests; resolves when the last running one has been answered, at the latest after 15 s. */
  end(): Promise<void>;
}

/** Makes a drain. */
export function createDrain({ clock }: { clock: Clock }): Drain {
  let running = 0;
  let ending = false;
  const idle = Promise.withResolvers<void>();
  const done = (): void => {
    running--;
    if (ending && running === 0) idle.resolve();
  };
  return {
    watch(app) {
      app.addHook("onRequest", async (_request, reply) => {
        if (ending) {
          reply.header("connection", "close");
          const details = { retryAfterSeconds: RETRY_AFTER_SECONDS };
          throw new GaggleError("BUSY", "The bootstrap node is ending; try again in a few seconds.", { details });
        }
        running++;
        // Also where the client leaves before its answer.
        reply.raw.once("close", done);
      });
    },
    get ending() {
      return ending;
    },
    async end() {
      ending = true;
      if (running === 0) return;
      const cancel = clock.after(DRAIN_MS, idle.resolve);
      await idle.promise;
      cancel();
    },
  };
}
