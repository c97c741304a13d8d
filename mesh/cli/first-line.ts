/** What a program or a person gives on standard input instead of the command line, which every user of the machine can read. */
import { createInterface } from "node:readline";

/**
 * The first line of standard input, without its end; empty where there is none. Doesn't wait for more than that line.
 * @param prompt written to stderr where a person is asked
 */
export async function firstLineOfStdin(prompt = ""): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(prompt);
  const lines = createInterface({ input: process.stdin });
  try {
    const { done, value } = await lines[Symbol.asyncIterator]().next();
    return done === true ? "" : value;
  } finally {
    lines.close();
  }
}
