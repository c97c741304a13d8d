/** What a running daemon consists of. */
import type { CardService } from "../../directory/create-card-service.ts";
import type { Directory } from "../../directory/create-directory.ts";
import type { PeerNode } from "../../peer/peer-node.ts";
import type { AgentCore } from "../agent-core.ts";
import type { AgentWork } from "../agent-work.ts";
import type { Background } from "../background.ts";
import type { HandOut } from "../hand-out.ts";
import type { AgentArtifacts } from "../open-artifacts.ts";
import type { AgentMailbox } from "../open-mailbox.ts";
import type { Telemetry } from "../open-telemetry.ts";
import type { RunOptions } from "../run-executor.ts";
import type { TokenVault } from "../token-vault.ts";
import type { OpenGuard } from "./open-guard.ts";

/** Where the daemon lives and what it starts. */
export interface AgentOptions extends RunOptions {
  readonly version: string;
}

/** Everything that a running daemon consists of. */
export interface DaemonParts extends AgentWork, OpenGuard {
  readonly core: AgentCore;
  readonly peer: PeerNode;
  readonly directory: Directory;
  readonly cards: CardService;
  readonly background: Background;
  readonly mailbox: AgentMailbox;
  readonly artifacts: AgentArtifacts;
  readonly handOut: HandOut;
  readonly telemetry: Telemetry;
  readonly tokens: TokenVault["sessions"];
  readonly startedAt: number;
}
