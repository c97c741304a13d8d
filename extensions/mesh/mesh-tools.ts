/** All tools of the MCP server `mesh`. Source: spec M3. */
import type { DaemonLink } from "../daemon-link.ts";
import type { Tool } from "../define-tool.ts";
import { askTools } from "./ask-tools.ts";
import { directoryTools } from "./directory-tools.ts";
import { followTools } from "./follow-tools.ts";
import { inboxTools } from "./inbox-tools.ts";
import { sessionTools } from "./session-tools.ts";

/** Makes the tools over a line to the daemon. */
export const meshTools = (daemon: DaemonLink): readonly Tool[] => [
  ...askTools(daemon),
  ...followTools(daemon),
  ...inboxTools(daemon),
  ...sessionTools(daemon),
  ...directoryTools(daemon),
];
