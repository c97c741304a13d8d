/** Verifies an export as `gaggle audit verify` does, in a process of its own: `node audit-verify-process.ts FILE ROOT`. Prints one line of JSON. */
import { createReadStream } from "node:fs";
import { verifyExport } from "../../mesh/audit/verify.ts";

const [file = "", rootFingerprint = ""] = process.argv.slice(2);
const startedAt = performance.now();
const { ok, events, problems } = await verifyExport(createReadStream(file), { rootFingerprint });
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(`${JSON.stringify({ ok, events, seconds, rssMb: process.resourceUsage().maxRSS / 1_024, first: problems[0] })}\n`);
