/** Commands that make and keep a machine a member: join, setup, agent, model, doctor, demo. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { homePaths } from "../agent/agent-config.ts";
import { systemClock } from "../agent/system.ts";
import { action } from "./action.ts";
import { port } from "./admin-commands.ts";
import { addBackupCommands } from "./backup-commands.ts";
import { addKeyCommands } from "./key-commands.ts";
import { tellProtection } from "./key-words.ts";
import { addModelCommands, type ModelOptions, modelOf } from "./model-commands.ts";
import { paint } from "./output.ts";
import type { JoinWay } from "./sign-in/join.ts";
import { addSignInCommand, withSignInOptions } from "./sign-in/sign-in-command.ts";
import { END_WITH_STDIN, untilTold } from "./until-told.ts";

/** Options of `gaggle join` beside those of the model. */
type JoinOptions = JoinWay & { listen: string[]; mdns: boolean; gatewayPort?: number; gooseRoot?: string };

/** Adds them to the program. */
export function addMemberCommands(program: Command): void {
  withSignInOptions(program.command("join"))
    .description("join the organisation that an invitation is from, or by signing in")
    .argument(
      "<invitation>",
      "the link that the admin gave you, or with --sign-in the bootstrap node's address; - reads it from standard input, where other users of the machine can't see it",
    )
    .option("--sign-in", "sign in with the organisation's identity provider instead of an invitation")
    .option("--root <fingerprint>", "with --sign-in and a mere address: the root key's fingerprint, as your admin gave it to you")
    .option("--pin <pin>", "with --sign-in and a mere address: the pin of the node's TLS key, where its certificate is its own")
    .option("--listen <multiaddr...>", "where other agents reach this one", ["/ip4/0.0.0.0/tcp/0"])
    .option("--no-mdns", "don't look for colleagues on the LAN")
    .option("--gateway-port <port>", "port of the privacy guard on this machine", port)
    .option("--goose-root <folder>", "GOOSE_PATH_ROOT of the Goose that this agent serves")
    .option("--model-url <url>", "OpenAI-compatible server behind the guard, such as https://api.openai.com/v1")
    .option("--model <name>", "the model's name there")
    .option("--model-key-env <variable>", "environment variable that holds the server's key")
    .action(
      action<ModelOptions & JoinOptions>(async ({ home, env, out }, options, [given = ""]) => {
        const { firstLineOfStdin } = await import("./first-line.ts");
        const text = given === "-" ? await firstLineOfStdin("Paste the invitation: ") : given;
        const { upstream, modelKey } = modelOf(options, env);
        const choice = {
          home,
          listen: options.listen,
          mdns: options.mdns,
          gooseRoot: options.gooseRoot === undefined ? null : resolve(options.gooseRoot),
          upstream,
          ...(modelKey === undefined ? {} : { modelKey }),
          ...(options.gatewayPort === undefined ? {} : { gatewayPort: options.gatewayPort }),
        };
        const { join } = await import("./sign-in/join.ts");
        const config = await join({ out, env }, text, choice, options);
        out.result(config);
        out.line(`You are ${paint.strong(config.subject)} (${config.role}) of ${config.org}. Your agent is ${config.agentId}.`);
        const { protectionOf } = await import("../identity/at-rest/folder-key.ts");
        tellProtection(out, await protectionOf(homePaths(home).keys));
        out.line("Next: `gaggle setup` lets your Goose take part; the agent itself starts when it is needed, or with `gaggle agent`.");
      }),
    );

  addSignInCommand(program);
  addModelCommands(program);
  addKeyCommands(program);
  addBackupCommands(program);

  program
    .command("setup")
    .description("write what Goose needs: extensions, guard provider, hooks, recipes")
    .option("--print", "show it and write nothing")
    .option("--remove", "take it out again")
    .option("--goose-root <folder>", "GOOSE_PATH_ROOT of the Goose that is meant")
    .action(
      action<{ print?: boolean; remove?: boolean; gooseRoot?: string }>(async ({ home, installDir, node, env, out }, options) => {
        const { setup } = await import("./setup/setup.ts");
        const gooseRoot = options.gooseRoot === undefined ? undefined : resolve(options.gooseRoot);
        const { print = false, remove = false } = options;
        await setup({ home, gooseRoot, print, remove, installDir, node, env, now: systemClock.now }, out);
      }),
    );

  program
    .command("agent")
    .description("run this machine's agent daemon")
    .option(...END_WITH_STDIN)
    .action(
      action<{ endWithStdin?: boolean }>(async (context, { endWithStdin = false }) => {
        const { runAgent } = await import("./run-agent.ts");
        await runAgent(context, { endWithStdin });
      }),
    );

  program
    .command("keep", { hidden: true })
    .description("run a program and end it, with all that it started, when standard input ends")
    .argument("<program>")
    .argument("[arguments...]")
    .action(async (command: string, args: string[]) => {
      const { keep } = await import("./keep.ts");
      process.exitCode = await keep(command, args);
    });

  program
    .command("doctor")
    .description("tell what is wrong on this machine, and how to mend it")
    .action(
      action(async ({ home, env, out }) => {
        const { doctor, printChecks } = await import("./doctor.ts");
        const checks = await doctor({ home, env });
        printChecks(checks, out);
        if (checks.some(({ state }) => state === "fail")) process.exitCode = 1;
      }),
    );

  program
    .command("demo")
    .description("run the month-end close of the sample company on this machine")
    .option("--dir <folder>", "where the evidence goes", "./.gaggle-demo")
    .option("--period <month>", "the month to close", "2026-10")
    .option("--model <name>", "a real model instead of the rehearsal (needs OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST)")
    .option("--interactive", "you decide on the approval")
    .option("--again", "run the close again on the organisation of the last demo")
    .action(
      action<{ dir: string; period: string; model?: string; interactive?: boolean; again?: boolean }>(async (context, options) => {
        const { againCommand, runDemo } = await import("../demo/run-demo.ts");
        const { interactive = false, again = false, dir, ...rest } = options;
        const told = untilTold();
        const interrupted = new AbortController();
        void told.then(() => interrupted.abort());
        await runDemo(context, { ...rest, dir: resolve(dir), interactive, again }, interrupted.signal).catch(async (error: unknown) => {
          if (!interrupted.signal.aborted) throw error;
          const name = await told;
          // A terminal that has hung up can't be written to.
          if (name === "SIGINT")
            context.out.line(`\nInterrupted; everything has ended. Go on with: ${againCommand(context.env, resolve(dir))}`);
          // Everything has ended, so this process ends as the signal would have ended it.
          process.kill(process.pid, name);
        });
      }),
    );
}
