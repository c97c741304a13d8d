/** The guard's gateway of a daemon, with the models that it may route to. */
import type { AgentCore } from "../agent-core.ts";
import { decideToolCall } from "../bundle-policy.ts";
import { readOrMakeGatewayToken } from "../gateway-token.ts";
import { openGuardMemory } from "../guard-memory.ts";
import { createModelGuard } from "../model-guard.ts";
import { openModelRouting, readUpstreams } from "../model-routing.ts";
import type { Telemetry } from "../open-telemetry.ts";
import type { TokenVault } from "../token-vault.ts";
import type { AgentOptions } from "./daemon-parts.ts";

/** Opens it; it listens only when it is told to. */
export async function openGuard(core: AgentCore & { telemetry: Telemetry }, vault: TokenVault, { installDir, version }: AgentOptions) {
  const { paths, config } = core;
  const memory = await openGuardMemory({ path: paths.guardMemory, key: vault.keys.current(), installDir, version });
  const routing = openModelRouting(core, await readUpstreams(core));
  const parts = createModelGuard(
    {
      ...core,
      tokens: vault.sessions,
      routes: routing.routes,
      books: routing.books,
      mayUse: (tool, { unattended }) => decideToolCall(core, { tool, unattended, counts: false }).allowed,
    },
    {
      gatewayPort: config.gatewayPort,
      token: readOrMakeGatewayToken(paths.gatewayToken),
      installDir,
      modelFolder: config.guardModel,
      memory,
    },
  );
  return { ...parts, routing };
}
/** The guard's gateway and its routing. */
export type OpenGuard = Awaited<ReturnType<typeof openGuard>>;
