/** Turns a function over a context into a commander action. */
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
