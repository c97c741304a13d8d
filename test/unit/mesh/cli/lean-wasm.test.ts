import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const MODULE = join(import.meta.dirname, "../../../../mesh/cli/lean-wasm.ts");
/** A function that counts its argument down to 0 in a loop. */
const COUNT_DOWN = "0061736d0100000001060160017f017f03020100070501016600000a12011000037f200041016b22000d0020000b0b";
const PROGRAM = `
const { spareOptimisedWasm } = await import(process.env.MODULE);
if (process.env.LEAN) spareOptimisedWasm();
const { instance } = await WebAssembly.instantiate(Buffer.from(process.env.WASM, "hex"));
const { f } = instance.exports;
for (let i = 0; i < 20; i++) f(5_000_000);
process.stdout.write(%IsLiftoffFunction(f) ? "baseline" : %IsTurboFanFunction(f) ? "optimised" : "neither");`;

/** How V8 has compiled a hot function in a process of its own. */
function compiled(lean: string): string {
  const env = { PATH: process.env["PATH"], MODULE, WASM: COUNT_DOWN, LEAN: lean };
  // Optimised at once where it is hot: by itself V8 does it on another thread, some time later.
  const args = ["--allow-natives-syntax", "--wasm-sync-tier-up", "--input-type=module", "--eval", PROGRAM];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8", timeout: 30_000 });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

it("keeps V8 from optimising WebAssembly that is hot, which it would do otherwise", () => {
  expect([compiled(""), compiled("yes")]).toEqual(["optimised", "baseline"]);
});
