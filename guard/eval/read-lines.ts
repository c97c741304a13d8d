/** Lines of a file of any size. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/** The lines of a UTF-8 file, without their ends. @throws the system's error where it can't be read */
export async function* readLines(file: string): AsyncGenerator<string> {
  const stream = createReadStream(file, { encoding: "utf8" });
  yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
}
