/** Asks the person at the keyboard for a decision. */
import { createInterface } from "node:readline";
import { GaggleError } from "../contract/errors.ts";

/** Where the person is, and how the whole program is ended. */
export interface Keyboard {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Ends the program as this signal does. A terminal that is asked gives Ctrl-C as a key, so no signal comes by itself. */
  end(signal: "SIGINT" | "SIGHUP"): void;
}

/**
 * Asks until the answer is yes or no. Ctrl-C ends the program, and so does an input that is over: nobody decides in the person's place.
 * @param signal ends the question
 * @returns true for yes
 * @throws GaggleError INVALID_INPUT where the input is over; the signal's reason
 */
export function askYesOrNo(question: string, { input, output, end }: Keyboard, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const terminal = createInterface({ input, output, prompt: `${question} (yes/no) ` });
  const abort = (): void => reject(signal.reason);
  terminal.on("line", (line) => {
    const answer = line.trim().toLowerCase();
    if (answer === "yes" || answer === "y") resolve(true);
    else if (answer === "no" || answer === "n") resolve(false);
    else terminal.prompt();
  });
  terminal.on("SIGINT", () => end("SIGINT"));
  const over = (): void => {
    reject(new GaggleError("INVALID_INPUT", "The input ended before you decided. Run the demo again with --again --interactive."));
    if (!signal.aborted) end("SIGHUP");
  };
  terminal.once("close", over);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  else terminal.prompt();
  return promise.finally(() => {
    signal.removeEventListener("abort", abort);
    terminal.off("close", over);
    terminal.close();
  });
}
