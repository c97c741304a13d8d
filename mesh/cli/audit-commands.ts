/** `gaggle audit verify` and `gaggle audit export`. */
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { readAgentConfig, homePaths } from "../agent/agent-config.ts";
import { type BootstrapClient, createBootstrapClient } from "../agent/bootstrap-client.ts";
import { bootstrapFetch } from "../agent/pinned-fetch.ts";
import { systemClock, systemRandom } from "../agent/system.ts";
import { verifyExport } from "../audit/verify.ts";
import { GaggleError } from "../contract/errors.ts";
import { readAgentKeys } from "../identity/key-file.ts";
import { createSigner } from "../identity/keys.ts";
import type { CommandContext } from "./context.ts";
import { adminSigner, readOrg } from "./org/org-folder.ts";
import { type Output, paint } from "./output.ts";

/** Opens an export. @throws GaggleError NOT_FOUND where it can't be read */
export async function openExport(file: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    return (await open(file)).createReadStream();
  } catch (cause) {
    throw new GaggleError("NOT_FOUND", `${file} can't be read. Name a file that gaggle audit export has written.`, { cause });
  }
}

/** Checks an export and tells what was found; false where anything is wrong. */
export async function verifyAuditFile(out: Output, source: AsyncIterable<Uint8Array>, root: string | undefined): Promise<boolean> {
  const verdict = await verifyExport(source, root === undefined ? {} : { rootFingerprint: root });
  out.result(verdict);
  for (const { line, message } of verdict.problems) out.line(`${paint.bad("broken")}  line ${line}: ${message}`);
  if (!verdict.ok) return false;
  out.line(
    `${paint.good("The audit export verifies.")} ${verdict.events} events of ${verdict.agents.length} agents, each chain complete and signed.`,
  );
  if (!verdict.pinned)
    out.line(`It is signed under root key ${verdict.rootFingerprint}; compare that with the one you know (--root checks it).`);
  return true;
}

/** Writes the export of the bootstrap node to a file. */
export async function exportAudit(context: CommandContext, options: { orgDir?: string; url?: string }, file: string): Promise<void> {
  const asAdmin = options.orgDir !== undefined;
  const client = asAdmin ? await adminClient(options.orgDir ?? "", options.url) : await memberClient(context.home);
  await pipeline(await client.exportAudit({ asAdmin }), createWriteStream(file, { mode: 0o600 }));
  context.out.result({ file });
  context.out.line(`Written to ${file}. Check it: gaggle audit verify ${file}`);
}

const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch };

async function memberClient(home: string): Promise<BootstrapClient> {
  const { bootstrapUrl, bootstrapPin, org } = await readAgentConfig(home);
  const { sign } = await readAgentKeys(homePaths(home).keys);
  return createBootstrapClient(
    { ...deps, signer: createSigner(sign), fetch: bootstrapFetch(deps.fetch, bootstrapPin) },
    { baseUrl: bootstrapUrl, org },
  );
}

async function adminClient(dir: string, url: string | undefined): Promise<BootstrapClient> {
  if (url === undefined) throw new GaggleError("INVALID_INPUT", "Name the bootstrap node with --url.");
  const { org } = await readOrg(dir);
  return createBootstrapClient({ ...deps, signer: await adminSigner(dir) }, { baseUrl: url, org });
}
