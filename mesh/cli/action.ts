/** Turns a function over a context into a commander action. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { type CommandContext, createContext } from "./context.ts";

/** A command's work: its surroundings, its positional arguments and its options. */
export type CommandWork<O> = (context: CommandContext, options: O, args: string[]) => Promise<void> | void;

/** The commander action that runs `work`. The last two arguments that commander gives are the options and the command itself. */
export const action =
  <O>(work: CommandWork<O>) =>
  async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const { json = false } = command.optsWithGlobals<{ json?: boolean }>();
    const args = given.slice(0, -2).filter((value): value is string => typeof value === "string");
    await work(createContext(process.env, json), command.opts() as O, args);
  };

/** The same for a command that changes an organisation's folder: one at a time, since a revocation or a version that two write at once would be lost. */
export const orgAction = <O extends { readonly dir: string }>(work: CommandWork<O>) =>
  action<O>(async (context, options, args) => {
    const dir = resolve(options.dir);
    // Where there is no organisation, the command says so.
    if (!existsSync(join(dir, "org.json"))) return work(context, options, args);
    const { withFolderLock } = await import("../store/folder-lock.ts");
    await withFolderLock(dir, async () => work(context, options, args));
  });
