/** What happens when nobody takes what a command writes: its reader is gone (`gaggle inbox | head`), or its disk is full. */
import { systemCode } from "../contract/errors.ts";

/** 128 and SIGPIPE's number: the status that a shell sees of programs which that signal ended. Node ignores the signal. */
const READER_GONE = 141;

/**
 * Ends this process where its output is lost: quietly where the reader is gone, else after `tell`.
 * @param tell says on stderr what went wrong
 */
export function endWithOutput(tell: (error: Error) => void): void {
  process.stdout.on("error", (error: Error) => {
    if (systemCode(error) === "EPIPE") process.exit(READER_GONE);
    tell(error);
    process.exit(1);
  });
  process.stderr.on("error", (error: Error) => process.exit(systemCode(error) === "EPIPE" ? READER_GONE : 1));
}

/** From here on lost output ends nothing: colleagues count on a server, whoever still reads what it says. */
export function outliveOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners("error").on("error", () => undefined);
}
