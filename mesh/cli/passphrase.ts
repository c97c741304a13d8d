/** Gets a passphrase from the person: typed without echo, or from stdin where a program gives it. */
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { GaggleError } from "../contract/errors.ts";
import { firstLineOfStdin } from "./first-line.ts";

/**
 * Reads a passphrase.
 * @param fromStdin takes stdin's first line (`--passphrase-stdin`); else the terminal is asked
 * @throws GaggleError INVALID_INPUT where there is neither, or it is empty
 */
export async function readPassphrase(prompt: string, fromStdin: boolean): Promise<string> {
  const passphrase = fromStdin ? await firstLineOfStdin() : await askHidden(prompt);
  if (passphrase === "") throw new GaggleError("INVALID_INPUT", "The passphrase is empty. Type it, or give it with --passphrase-stdin.");
  return passphrase;
}

/** Asks on the terminal and shows nothing of what is typed. */
async function askHidden(prompt: string): Promise<string> {
  if (!process.stdin.isTTY)
    throw new GaggleError("INVALID_INPUT", "There is no terminal to type the passphrase at. Give it with --passphrase-stdin.");
  process.stderr.write(prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const line = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await new Promise((resolve) => line.question("", resolve));
  } finally {
    line.close();
    process.stderr.write("\n");
  }
}
