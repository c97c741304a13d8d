/** Commands about whom to believe: `gaggle org revoke|reinstate|pin|rotate-issuer|replace-admin`. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { systemClock, systemRandom } from "../agent/system.ts";
import { orgAction } from "./action.ts";

const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch };

/** Adds them to `gaggle org`. @param dir its option for the organisation's folder */
export function addTrustCommands(org: Command, dir: readonly [flags: string, description: string, value: string]): void {
  org
    .command("revoke")
    .description("stop trusting an agent, a person or a key, at once; needs the admin key alone")
    .option(...dir)
    .option("--agent <id>", "one machine of a person")
    .option("--user <id>", "a person with all their agents and approvals")
    .option("--key <thumbprint>", "an agent, approval, issuer or admin key")
    .option("--publish <url>", "tell the running bootstrap node; an agent that runs on this machine is told in any case")
    .action(
      orgAction<{ dir: string; agent?: string; user?: string; key?: string; publish?: string }>(async ({ out, home }, options) => {
        const { orgRevoke } = await import("./org/org-revoke.ts");
        const { daemonListener, nodeListener } = await import("./org/revocation-listeners.ts");
        const { dir: folder, publish, ...rest } = options;
        const node = publish === undefined ? [] : [await nodeListener(resolve(folder), publish, deps)];
        const daemon = await daemonListener(home);
        try {
          await orgRevoke({ dir: resolve(folder), ...rest }, out, { ...deps, listeners: daemon === undefined ? node : [...node, daemon] });
        } finally {
          daemon?.close();
        }
      }),
    );
  org
    .command("reinstate")
    .description("take a revocation back; counts after the next sign")
    .option(...dir)
    .option("--agent <id>", "one machine of a person")
    .option("--user <id>", "a person")
    .option("--key <thumbprint>", "a key")
    .action(
      orgAction<{ dir: string; agent?: string; user?: string; key?: string }>(async ({ out }, { dir: folder, ...rest }) => {
        const { orgReinstate } = await import("./org/org-reinstate.ts");
        await orgReinstate({ dir: resolve(folder), ...rest }, out);
      }),
    );
  org
    .command("pin")
    .description("name a person's agent on the roster: their agents then count only if they are named there; counts after the next sign")
    .option(...dir)
    .requiredOption("--user <id>", "the person's id in the org chart")
    .requiredOption("--agent <id>", "the agent id, as `gaggle approval-key` or `gaggle status` shows it on that machine")
    .action(
      orgAction<{ dir: string; user: string; agent: string }>(async ({ out }, { dir: folder, ...rest }) => {
        const { orgPin } = await import("./org/org-pin.ts");
        await orgPin({ dir: resolve(folder), ...rest }, out);
      }),
    );
  org
    .command("rotate-issuer")
    .description("replace the issuer key with an overlap that nobody notices; run it again until it says that it is finished")
    .option(...dir)
    .option("--now", "let the old key leave at once: it may be stolen. Everybody renews, and mail that waits is lost")
    .action(
      orgAction<{ dir: string; now?: boolean }>(async ({ out }, { dir: folder, now = false }) => {
        const { orgRotateIssuer } = await import("./org/org-rotate-issuer.ts");
        await orgRotateIssuer({ dir: resolve(folder), now }, out, deps);
      }),
    );
  org
    .command("replace-admin")
    .description("make a new admin key and revoke the old one, which may be stolen; counts after the next sign")
    .option(...dir)
    .action(
      orgAction<{ dir: string }>(async ({ out }, { dir: folder }) => {
        const { orgReplaceAdmin } = await import("./org/org-replace-admin.ts");
        await orgReplaceAdmin({ dir: resolve(folder) }, out, deps);
      }),
    );
}
