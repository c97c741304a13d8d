/** Ends connections at once. */
import type { Connection } from "@libp2p/interface";

/**
 * Aborts a connection; never throws. libp2p 3.3's own `abort` says goodbye first, which throws where the socket is gone already, and leaves the
 * connection open then; asked a second time it skips the goodbye.
 */
export function cut(connection: Pick<Connection, "abort">, error: Error): void {
  try {
    connection.abort(error);
  } catch {
    abortAgain(connection, error);
  }
}

function abortAgain(connection: Pick<Connection, "abort">, error: Error): void {
  try {
    connection.abort(error);
  } catch {
    // Twice in vain: there is nothing left that could be ended.
  }
}
