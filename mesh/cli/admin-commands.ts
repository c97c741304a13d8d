/** Commands of those who run the organisation: `gaggle org …`, `gaggle bootstrap`. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { homePaths } from "../agent/agent-config.ts";
import { systemClock, systemRandom } from "../agent/system.ts";
import { GaggleError } from "../contract/errors.ts";
import { action } from "./action.ts";
import type { BootstrapOptions } from "./run-bootstrap.ts";
import { END_WITH_STDIN } from "./until-told.ts";

const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch };

/** Adds them to the program. */
export function addAdminCommands(program: Command): void {
  const org = program.command("org").description("make and sign the organisation (admin)");
  const dir = ["--dir <folder>", "the organisation's folder", "./org"] as const;

  org
    .command("init")
    .description("make the root key and a sample or empty organisation to edit")
    .option(...dir)
    .option("--name <name>", "the organisation's name")
    .option("--empty", "an empty organisation instead of the sample")
    .action(
      action<{ dir: string; name?: string; empty?: boolean }>(async ({ out, installDir }, { dir: folder, name, empty }) => {
        const { orgInit } = await import("./org/org-init.ts");
        const content = empty === true ? "empty" : "sample";
        await orgInit({ dir: resolve(folder), installDir, content, ...(name === undefined ? {} : { name }) }, out, deps);
      }),
    );
  org
    .command("sign")
    .description("build and sign the next version of every role's profile bundle")
    .option(...dir)
    .option("--publish <url>", "also send the bundles to the running bootstrap node")
    .action(
      action<{ dir: string; publish?: string }>(async ({ out }, { dir: folder, publish }) => {
        const { orgSign } = await import("./org/org-sign.ts");
        await orgSign({ dir: resolve(folder), ...(publish === undefined ? {} : { publish }) }, out, deps);
      }),
    );
  org
    .command("invite")
    .description("make a one-time invitation for a person of the org chart")
    .option(...dir)
    .requiredOption("--role <role>", "the person's role")
    .requiredOption("--user <id>", "the person's id in the org chart")
    .requiredOption("--url <url>", "address of the bootstrap node, as the invited machine reaches it")
    .option("--hours <count>", "how long the invitation is good", hours)
    .action(
      action<{ dir: string; role: string; user: string; url: string; hours?: number }>(async ({ out }, options) => {
        const { orgInvite } = await import("./org/org-invite.ts");
        const { dir: folder, hours: lifetime, ...rest } = options;
        await orgInvite(
          { dir: resolve(folder), ...rest, ...(lifetime === undefined ? {} : { lifetimeMs: lifetime * 3_600_000 }) },
          out,
          deps,
        );
      }),
    );
  org
    .command("approver")
    .description("put a person's approval key on the roster; counts after the next sign")
    .option(...dir)
    .requiredOption("--subject <id>", "the person's id in the org chart")
    .requiredOption("--role <role>", "the role in which the person approves")
    .requiredOption("--key <jwk>", "the public approval key, as `gaggle approval-key` shows it")
    .action(
      action<{ dir: string; subject: string; role: string; key: string }>(async ({ out }, { dir: folder, ...rest }) => {
        const { orgApprover } = await import("./org/org-approver.ts");
        await orgApprover({ dir: resolve(folder), ...rest }, out);
      }),
    );
  org
    .command("revoke")
    .description("stop trusting an agent, a person or a key; counts after the next sign")
    .option(...dir)
    .option("--agent <id>", "one machine of a person")
    .option("--user <id>", "a person with all their agents and approvals")
    .option("--key <thumbprint>", "an agent, approval, issuer or admin key")
    .action(
      action<{ dir: string; agent?: string; user?: string; key?: string }>(async ({ out }, { dir: folder, ...rest }) => {
        const { orgRevoke } = await import("./org/org-revoke.ts");
        await orgRevoke({ dir: resolve(folder), ...rest }, out);
      }),
    );
  org
    .command("steward")
    .description("let an agent hand out the organisation's keys; counts after the next sign")
    .option(...dir)
    .requiredOption("--agent <id>", "the steward's agent id, as `gaggle status` shows it")
    .action(
      action<{ dir: string; agent: string }>(async ({ out }, { dir: folder, agent }) => {
        const { orgSteward } = await import("./org/org-steward.ts");
        await orgSteward({ dir: resolve(folder), agent }, out);
      }),
    );
  org
    .command("rotate-pseudonyms")
    .description("begin the next epoch of the key that makes the same person the same token")
    .option(...dir)
    .option("--steward-home <folder>", "home of a steward's agent on this machine: it hands the key to the other members")
    .action(
      action<{ dir: string; stewardHome?: string }>(async ({ out }, { dir: folder, stewardHome }) => {
        const { orgRotatePseudonyms } = await import("./org/org-rotate.ts");
        const stewardKeys = stewardHome === undefined ? {} : { stewardKeys: homePaths(resolve(stewardHome)).pseudonymKey };
        await orgRotatePseudonyms({ dir: resolve(folder), ...stewardKeys }, out, deps);
      }),
    );

  program
    .command("bootstrap")
    .description("run the bootstrap node: lets members join, gives out bundles, collects audit (admin)")
    .option("--dir <folder>", "the folder bootstrap/ that `gaggle org init` made", "./org/bootstrap")
    .option("--host <address>", "address of the HTTP API", "127.0.0.1")
    .option("--port <port>", "port of the HTTP API", port, 4870)
    .option("--peer-listen <multiaddr...>", "where other agents reach it over libp2p", ["/ip4/0.0.0.0/tcp/4871"])
    .option("--no-mdns", "don't announce it on the LAN")
    .option("--tls-cert <file>", "certificate chain (PEM): serves HTTPS, also to other machines")
    .option("--tls-key <file>", "its private key (PEM)")
    .option(...END_WITH_STDIN)
    .action(
      action<Omit<BootstrapOptions, "endWithStdin"> & { endWithStdin?: boolean }>(async (context, { endWithStdin = false, ...options }) => {
        const { runBootstrap } = await import("./run-bootstrap.ts");
        await runBootstrap(context, { ...options, endWithStdin, dir: resolve(options.dir) });
      }),
    );
}

/** Reads a port. @throws GaggleError INVALID_INPUT */
export function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new GaggleError("INVALID_INPUT", "A port is a number from 0 to 65535.");
}

function hours(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 24 * 30) return value;
  throw new GaggleError("INVALID_INPUT", "Give the invitation's life in hours, from more than 0 up to 720.");
}
