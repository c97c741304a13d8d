/** Commands about the root key: on another machine, in Vault, its change. */
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { systemClock, systemRandom } from "../agent/system.ts";
import { GaggleError } from "../contract/errors.ts";
import { ed25519Jwk } from "../contract/identity.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import { type VaultKey, vaultKey } from "../identity/vault-root.ts";
import { action, orgAction } from "./action.ts";
import type { OrgInitOptions } from "./org/org-init.ts";

const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch, env: process.env };

/** Options that say where a root key is in Vault. */
export interface VaultOptions {
  readonly vault?: string;
  readonly vaultAddress?: string;
  readonly vaultMount?: string;
  readonly vaultNamespace?: string;
}

/** Adds those options to a command. */
export const withVaultOptions = (command: Command): Command =>
  command
    .option("--vault <key>", "keep the root key in the transit engine of Vault, under this name (token: VAULT_TOKEN, or vault login)")
    .option("--vault-address <url>", "Vault's address; default: VAULT_ADDR")
    .option("--vault-mount <path>", "path of the transit engine", "transit")
    .option("--vault-namespace <path>", "Vault's namespace; default: VAULT_NAMESPACE");

/** Where the root key is in Vault; undefined where it is not there. @throws GaggleError INVALID_INPUT */
export function vaultOf(options: VaultOptions): VaultKey | undefined {
  if (options.vault === undefined) return undefined;
  const address = options.vaultAddress ?? process.env["VAULT_ADDR"];
  const namespace = options.vaultNamespace ?? process.env["VAULT_NAMESPACE"];
  const place = { kind: "vault", address, mount: options.vaultMount ?? "transit", key: options.vault };
  return parseAs(vaultKey, namespace === undefined ? place : { ...place, namespace }, "Where Vault keeps the root key");
}

/** Where the root key of a new organisation is. @throws GaggleError INVALID_INPUT */
export function rootOf(options: VaultOptions & { readonly rootPublic?: string }): Pick<OrgInitOptions, "root"> {
  const vault = vaultOf(options);
  if (vault !== undefined) return { root: vault };
  if (options.rootPublic === undefined) return {};
  return { root: { kind: "offline", key: parseAs(ed25519Jwk, parseJson(options.rootPublic, "The root key"), "The root key") } };
}

/** Adds them to `gaggle org`. */
export function addRootCommands(org: Command, dir: readonly [string, string, string]): void {
  org
    .command("root-key")
    .description("make a root key in a folder of its own, on a machine that stays offline, and show its public part")
    .requiredOption("--root <folder>", "the root key's folder")
    .action(
      action<{ root: string }>(async ({ out }, { root }) => {
        const { ensureRootKey } = await import("./org/org-init.ts");
        const { thumbprintOf } = await import("../identity/keys.ts");
        const { protectionOf } = await import("../identity/at-rest/folder-key.ts");
        const { tellProtection } = await import("./key-words.ts");
        const key = await ensureRootKey(resolve(root), systemRandom);
        out.result({ key, thumbprint: thumbprintOf(key) });
        out.line(`On the admin's machine: gaggle org init --root-public '${JSON.stringify(key)}'`);
        tellProtection(out, await protectionOf(resolve(root)));
      }),
    );
  org
    .command("countersign")
    .description("show a request of gaggle org sign --request in words and sign it, on the machine with the root key")
    .argument("<request>", "the request's file")
    .requiredOption("--root <folder>", "the root key's folder")
    .requiredOption("--out <file>", "where the signed bundles go")
    .option("--yes", "don't ask")
    .action(
      action<{ root: string; out: string; yes?: boolean }>(async ({ out }, options, [file = ""]) => {
        const { countersign } = await import("./org/countersign.ts");
        const confirm = (): Promise<boolean> => (options.yes === true ? Promise.resolve(true) : askYes("Sign this? Type yes: "));
        const { withFolderLock } = await import("../store/folder-lock.ts");
        const rootDir = resolve(options.root);
        // It remembers what it signed, so that no version gets two contents.
        await withFolderLock(rootDir, () => countersign({ file: resolve(file), rootDir, out: resolve(options.out), confirm }, out));
      }),
    );
  withVaultOptions(org.command("rotate-root"))
    .description("let another root key follow this one, signed by both; counts after the next sign")
    .option(...dir)
    .option("--offline <folder>", "on the machine with the root key: its folder")
    .option("--out <file>", "with --offline: where the change goes")
    .option("--organisation <id>", "with --offline: the organisation's id")
    .option("--from <thumbprint>", "with --offline: the root key of now")
    .option("--step <file>", "take the change that was made on the machine with the root key")
    .action(
      orgAction<VaultOptions & { dir: string; offline?: string; out?: string; organisation?: string; from?: string; step?: string }>(
        async ({ out }, options) => {
          const { rotateRoot, rotateRootOffline, takeRootStep } = await import("./org/rotate-root.ts");
          if (options.step !== undefined) return void (await takeRootStep(resolve(options.dir), resolve(options.step), out));
          if (options.offline === undefined) {
            const vault = vaultOf(options);
            return void (await rotateRoot(
              vault === undefined ? { dir: resolve(options.dir) } : { dir: resolve(options.dir), vault },
              out,
              deps,
            ));
          }
          const { out: target, organisation: id, from: fingerprint } = options;
          if (target === undefined || id === undefined || fingerprint === undefined)
            throw new GaggleError("INVALID_INPUT", "With --offline give --out FILE, --organisation ID and --from THUMBPRINT.");
          await rotateRootOffline({ rootDir: resolve(options.offline), fingerprint, org: id, out: resolve(target) }, out, deps);
        },
      ),
    );
}

/** Asks at the terminal; without one the answer is no. */
async function askYes(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const line = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await line.question(question)).trim() === "yes";
  } finally {
    line.close();
  }
}

/** Asks for the passphrase of the root key's folder where it has one and the environment names none, so that reading the key finds it open. */
export async function unlockRoot(rootKeyPath: string): Promise<void> {
  const { openFolderKey, protectionOf } = await import("../identity/at-rest/folder-key.ts");
  const { processKeySources } = await import("../identity/at-rest/key-sources.ts");
  const { readPassphrase } = await import("./passphrase.ts");
  const sources = processKeySources();
  const folder = dirname(rootKeyPath);
  if ((await protectionOf(folder)) !== "passphrase" || (await sources.passphrase()) !== undefined || !process.stdin.isTTY) return;
  await openFolderKey(folder, { ...sources, passphrase: () => readPassphrase("Passphrase of the root key: ", false) });
}
