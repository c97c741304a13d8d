/** MCP server `policy`: who this agent is and what the signed policy lets it do. */
import { authoriseBy } from "../authorise.ts";
import { createDaemonLink } from "../daemon-link.ts";
import { VERSION } from "../../mesh/contract/version.ts";
import { serveTools } from "../serve-tools.ts";

const daemon = createDaemonLink({ program: "policy", moduleUrl: import.meta.url, env: process.env });
await serveTools({
  name: "policy",
  version: VERSION,
  instructions:
    "Tells who this agent is in the organisation and what its signed policy allows. It decides nothing: every step is checked again.",
  tools: async () => (await import("./policy-tools.ts")).policyTools(daemon),
  authorise: authoriseBy(daemon, "policy"),
  onEnd: () => daemon.close(),
});
