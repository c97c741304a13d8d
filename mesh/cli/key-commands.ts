/** `gaggle keys`: what protects the keys on this disk, and how to change it. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { GaggleError } from "../contract/errors.ts";
import { action } from "./action.ts";
import { tellProtection } from "./key-words.ts";

const FOLDER = ["--folder <folder>", "the folder of keys; default: this agent's"] as const;

/** Adds them to the program. */
export function addKeyCommands(program: Command): void {
  const keys = program.command("keys").description("what protects the keys on this disk");

  keys
    .command("show")
    .description("say how the keys are kept")
    .option(...FOLDER)
    .action(
      action<{ folder?: string }>(async ({ home, out }, { folder }) => {
        const { protectionOf } = await import("../identity/at-rest/folder-key.ts");
        const by = await protectionOf(await keysFolder(home, folder));
        out.result({ protection: by });
        tellProtection(out, by);
      }),
    );

  keys
    .command("protect")
    .description("keep the keys in another way; the files stay as they are")
    .requiredOption("--with <protection>", "keychain, passphrase or machine")
    .option(...FOLDER)
    .option("--passphrase-stdin", "read the new passphrase from standard input")
    .action(
      action<{ with: string; folder?: string; passphraseStdin?: boolean }>(async ({ home, env, out }, options) => {
        const by = sealing(options.with);
        const { changeProtection } = await import("../identity/at-rest/protect-folder.ts");
        const { systemKeySources } = await import("../identity/at-rest/key-sources.ts");
        const { readPassphrase } = await import("./passphrase.ts");
        const sources = systemKeySources(env);
        const given = await sources.passphrase();
        const asked = async (): Promise<string> => given ?? readPassphrase("Passphrase for the keys: ", options.passphraseStdin ?? false);
        await changeProtection(await keysFolder(home, options.folder), by, { ...sources, passphrase: asked });
        out.result({ protection: by });
        tellProtection(out, by);
        if (by === "passphrase") out.line("Programs that use these keys read it from the file that GAGGLE_PASSPHRASE_FILE names.");
      }),
    );
}

async function keysFolder(home: string, folder: string | undefined): Promise<string> {
  if (folder !== undefined) return resolve(folder);
  const { homePaths } = await import("../agent/agent-config.ts");
  return homePaths(home).keys;
}

function sealing(text: string): "keychain" | "passphrase" | "machine" {
  if (text === "keychain" || text === "passphrase" || text === "machine") return text;
  throw new GaggleError("INVALID_INPUT", "Keep the keys with: keychain, passphrase or machine.");
}
