/** Commands of those who run the organisation: `gaggle org …`, `gaggle bootstrap`. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { homePaths } from "../agent/agent-config.ts";
import { systemClock, systemRandom } from "../agent/system.ts";
import { GaggleError } from "../contract/errors.ts";
import { action, orgAction } from "./action.ts";
import type { BootstrapOptions } from "./run-bootstrap.ts";
import { addTrustCommands } from "./trust-commands.ts";
import { addRootCommands, rootOf, unlockRoot, type VaultOptions, withVaultOptions } from "./root-commands.ts";
import { END_WITH_STDIN } from "./until-told.ts";

const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch };

const PIN = "pin of the node's TLS key, as `gaggle bootstrap` shows it; default: the one in the organisation's folder";
const NO_PIN = "pin nothing: the node's certificate, or that of the proxy before it, is a public one";

/** Adds them to the program. */
export function addAdminCommands(program: Command): void {
  const org = program.command("org").description("make and sign the organisation (admin)");
  const dir = ["--dir <folder>", "the organisation's folder", "./org"] as const;

  addRootCommands(org, dir);
  withVaultOptions(org.command("init"))
    .description("make the root key and a sample or empty organisation to edit")
    .option("--root-public <jwk>", "the root key stays on another machine; its public part, as `gaggle org root-key` shows it there")
    .option(...dir)
    .option("--name <name>", "the organisation's name")
    .option("--empty", "an empty organisation instead of the sample")
    .action(
      action<VaultOptions & { dir: string; name?: string; empty?: boolean; rootPublic?: string }>(async ({ out, installDir }, options) => {
        const { dir: folder, name, empty } = options;
        const { orgInit } = await import("./org/org-init.ts");
        const content = empty === true ? "empty" : "sample";
        await orgInit(
          { dir: resolve(folder), installDir, content, ...(name === undefined ? {} : { name }), ...rootOf(options) },
          out,
          deps,
        );
      }),
    );
  org
    .command("convert-policy")
    .description("rewrite the policy.yaml of an earlier version as Cedar")
    .option(...dir)
    .action(
      orgAction<{ dir: string }>(async ({ out }, { dir: folder }) => {
        const { convertPolicy } = await import("./org/convert-policy.ts");
        await convertPolicy(resolve(folder), out);
      }),
    );
  org
    .command("sign")
    .description("build and sign the next version of every role's profile bundle")
    .option(...dir)
    .option("--publish <url>", "also send the bundles to the running bootstrap node")
    .option("--request <file>", "write what is to be signed, for the machine with the root key")
    .option("--signed <file>", "take what was signed there")
    .action(
      orgAction<{ dir: string; publish?: string; request?: string; signed?: string }>(async ({ out }, options) => {
        const { dir: folder, publish, request, signed } = options;
        const target = { dir: resolve(folder), ...(publish === undefined ? {} : { publish }) };
        const { takeSigned, writeSignRequest } = await import("./org/countersign.ts");
        if (request !== undefined) return writeSignRequest(target.dir, resolve(request), out, deps);
        if (signed !== undefined) return void (await takeSigned({ ...target, file: resolve(signed) }, out, deps));
        const { orgSign } = await import("./org/org-sign.ts");
        const { orgPaths } = await import("./org/org-folder.ts");
        await unlockRoot(orgPaths(target.dir).rootKey);
        await orgSign(target, out, deps);
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
    .option("--pin <pin>", PIN)
    .option("--no-pin", NO_PIN)
    .action(
      action<{ dir: string; role: string; user: string; url: string; hours?: number; pin?: string | false }>(async ({ out }, options) => {
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
    .command("link")
    .description("make the link for people who join by signing in; nothing in it is secret")
    .option(...dir)
    .requiredOption("--url <url>", "address of the bootstrap node, as people's machines reach it")
    .option("--pin <pin>", PIN)
    .option("--no-pin", NO_PIN)
    .action(
      action<{ dir: string; url: string; pin?: string | false }>(async ({ out }, { dir: folder, ...rest }) => {
        const { orgLink } = await import("./org/org-link.ts");
        await orgLink({ dir: resolve(folder), ...rest }, out);
      }),
    );
  org
    .command("approver")
    .description("put a person's approval key on the roster; counts after the next sign")
    .option(...dir)
    .requiredOption("--subject <id>", "the person's id in the org chart")
    .requiredOption("--role <role>", "the role in which the person approves")
    .requiredOption("--key <jwk>", "the public approval key, as `gaggle approval-key` shows it")
    .option("--agent <id>", "the person's agent, as `gaggle approval-key` shows it: no other agent counts as theirs")
    .action(
      orgAction<{ dir: string; subject: string; role: string; key: string; agent?: string }>(async ({ out }, { dir: folder, ...rest }) => {
        const { orgApprover } = await import("./org/org-approver.ts");
        await orgApprover({ dir: resolve(folder), ...rest }, out);
      }),
    );
  addTrustCommands(org, dir);
  org
    .command("steward")
    .description("let an agent hand out the organisation's keys; counts after the next sign")
    .option(...dir)
    .requiredOption("--agent <id>", "the steward's agent id, as `gaggle status` shows it")
    .option("--user <id>", "the steward's id in the org chart: none but named agents then count as theirs")
    .action(
      orgAction<{ dir: string; agent: string; user?: string }>(async ({ out }, { dir: folder, ...rest }) => {
        const { orgSteward } = await import("./org/org-steward.ts");
        await orgSteward({ dir: resolve(folder), ...rest }, out);
      }),
    );
  org
    .command("rotate-pseudonyms")
    .description("begin the next epoch of the key that makes the same person the same token")
    .option(...dir)
    .option("--steward-home <folder>", "home of a steward's agent on this machine: it hands the key to the other members")
    .action(
      orgAction<{ dir: string; stewardHome?: string }>(async ({ out }, { dir: folder, stewardHome }) => {
        const { orgRotatePseudonyms } = await import("./org/org-rotate.ts");
        const stewardKeys = stewardHome === undefined ? {} : { stewardKeys: homePaths(resolve(stewardHome)).pseudonymKey };
        await orgRotatePseudonyms({ dir: resolve(folder), ...stewardKeys }, out, deps);
      }),
    );

  const bootstrap = program
    .command("bootstrap")
    .description("run the bootstrap node: lets members join, gives out bundles, collects audit (admin)")
    .option("--dir <folder>", "the folder bootstrap/ that `gaggle org init` made", "./org/bootstrap")
    .option("--host <address>", "address of the HTTP API", "127.0.0.1")
    .option("--port <port>", "port of the HTTP API", port, 4870)
    .option("--ops-port <port>", "port of metrics and backups, for this machine alone; default: the API's and 2", port)
    .option("--ops-host <address>", "where metrics and backups are asked for", "127.0.0.1")
    .option("--trust-proxy <address...>", "proxies before it whose X-Forwarded-For is believed")
    .option("--peer-listen <multiaddr...>", "where other agents reach it over libp2p", ["/ip4/0.0.0.0/tcp/4871"])
    .option("--no-mdns", "don't announce it on the LAN")
    .option("--tls-cert <file>", "certificate chain (PEM): serves HTTPS, also to other machines")
    .option("--tls-key <file>", "its private key (PEM); without both, a node that other machines reach makes a certificate of its own")
    .option("--sign-in-secret-env <variable>", "environment variable with the client secret at the identity provider, where it wants one")
    .option(...END_WITH_STDIN)
    .action(
      action<Omit<BootstrapOptions, "endWithStdin"> & { endWithStdin?: boolean }>(async (context, { endWithStdin = false, ...options }) => {
        const { runBootstrap } = await import("./run-bootstrap.ts");
        await runBootstrap(context, { ...options, endWithStdin, dir: resolve(options.dir) });
      }),
    );
  addBackupCommands(bootstrap);
}

function addBackupCommands(bootstrap: Command): void {
  // Options that the command above has too are parsed there, wherever they stand; here it is for the help.
  const dir = ["--dir <folder>", "the node's folder", "./org/bootstrap"] as const;
  const folder = (): string => resolve(bootstrap.opts<{ dir: string }>().dir);
  bootstrap
    .command("backup")
    .description("write everything of the node into one private file, also while it runs")
    .argument("<file>", "a new file; - for standard output")
    .option(...dir)
    .action(
      action(async (context, _options, [file = ""]) => {
        const { bootstrapBackup } = await import("./bootstrap-backup.ts");
        await bootstrapBackup(context, { dir: folder(), file });
      }),
    );
  bootstrap
    .command("restore")
    .description("make the node's folder from a backup")
    .argument("<file>", "the backup; - for standard input")
    .option(...dir)
    .option("--replace", "move what is in the folder aside")
    .action(
      action<{ replace?: boolean }>(async (context, options, [file = ""]) => {
        const { bootstrapRestore } = await import("./bootstrap-backup.ts");
        await bootstrapRestore(context, { dir: folder(), file, replace: options.replace ?? false });
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
