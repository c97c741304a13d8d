/** What a process that runs for weeks leaves behind when it ends by a fault that nothing caught. */
import type { Logger } from "pino";

/**
 * From here on an uncaught error or rejection is logged like any other, and ends the process with status 1. Node's own way would print the error's
 * message, which may quote a colleague's text, and V8's source line. Whoever runs the process starts it again on what its store holds.
 */
export function logLastWords(log: Logger): void {
  process.on("uncaughtException", (err) => {
    log.fatal({ err }, "ended by a fault of its own");
    process.exit(1);
  });
}
