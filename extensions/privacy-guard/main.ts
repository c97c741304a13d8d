/** MCP server `privacy-guard`: finds and masks personal data and secrets on this machine. */
import { authoriseBy } from "../authorise.ts";
import { createDaemonLink } from "../daemon-link.ts";
import { VERSION } from "../../mesh/contract/version.ts";
import { serveTools } from "../serve-tools.ts";

const daemon = createDaemonLink({ program: "privacy-guard", moduleUrl: import.meta.url, env: process.env });
await serveTools({
  name: "privacy-guard",
  version: VERSION,
  instructions:
    "Finds and masks personal data and secrets in texts, on this machine. Everything sent to a cloud model passes the guard anyway; " +
    "these tools are for texts that go elsewhere, such as files and messages.",
  tools: async () => (await import("./guard-tools.ts")).guardTools(daemon),
  authorise: authoriseBy(daemon, "privacy-guard"),
  onEnd: () => daemon.close(),
});
