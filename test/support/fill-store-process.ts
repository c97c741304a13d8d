/** Writes to the store in argv[2] until it fails, then says in one JSON line how each later call ended. Run under a limit of file size. */
import { errorCode } from "../../mesh/contract/errors.ts";
import { openLevelStore } from "../../mesh/store/level-store.ts";

const store = await openLevelStore(process.argv[2] ?? "");
const outcome = async (act: () => unknown): Promise<string> => {
  try {
    await act();
    return "ok";
  } catch (error) {
    return errorCode(error);
  }
};
const put = (i: number) => store.batch([{ type: "put", key: `k/${String(i).padStart(6, "0")}`, value: "x".repeat(4_000) }], { sync: true });

let written = 0;
let write = await outcome(() => put(0));
while (write === "ok" && written < 10_000) write = await outcome(() => put(++written));
const read = await outcome(() => store.get("k/000000"));
const writeAgain = await outcome(() => put(0));
process.stdout.write(`${JSON.stringify({ written, write, read, writeAgain })}\n`);
