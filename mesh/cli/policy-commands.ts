/** The command table for the signed policy: who one is to it, what it says and why, its tests, drafts and another set on trial. */
import type { Command } from "commander";
import { GaggleError } from "../contract/errors.ts";
import { action } from "./action.ts";
import { type CommandContext, withDaemon } from "./context.ts";
import type { QuestionOptions } from "./policy/explain.ts";

/** Adds the commands. */
export function addPolicyCommands(program: Command): void {
  const policy = program.command("policy").description("who you are to the policy, what it lets you do, and why");
  addWhoami(policy);
  addQuestion(policy, "check", "whether the policy allows an action, and why; exit code 1 where it does not").argument(
    "<action>",
    "for example task.send or tool.call",
  );
  addQuestion(
    policy,
    "explain",
    "why a past decision fell as it did, by the id of an audit event, envelope, task or approval; or a question",
  ).argument("<id-or-action>", "an id, or an action such as task.send");
  addAdminTools(policy);
}

function addWhoami(policy: Command): void {
  policy
    .command("whoami")
    .description("your role, skills and tools by the signed profile")
    .action(
      action((context: CommandContext) =>
        withDaemon(context, async (daemon) => {
          const { out } = context;
          const me = await daemon.call("policy.whoami", {});
          out.result(me);
          out.line(`${me.subject}: ${me.title}, role ${me.role}, level ${me.level}, ${me.orgName}; bundle version ${me.bundleVersion}`);
          out.line(`skills: ${me.skills.join(", ") || "none"}`);
          for (const { name, tools } of me.extensions) out.line(`${name}: ${tools.join(", ")}`);
        }),
      ),
    );
}

/** An action has a dot and no digit; no id looks like that. */
const IS_ACTION = /^[a-z]+\.[a-z]+$/;

function addQuestion(policy: Command, name: "check" | "explain", description: string): Command {
  return policy
    .command(name)
    .description(description)
    .option("--who <person>", "somebody of the org chart instead of you")
    .option("--role <role>", "anybody of a role instead of you")
    .option("--target <person-or-role>", "who is acted upon: a person of the org chart, or a role")
    .option("--resource <name>", "a skill, a tool as extension__tool, a model, or a class of data")
    .option("--classes <list>", "classes of data in it, with commas")
    .option("--participants <list>", "people who have taken part, with commas")
    .option("--unattended", "without a person")
    .option("--local", "at a model server of the company's own")
    .option("--cloud", "at a vendor's model server")
    .action(
      action<QuestionOptions>((context, options, [given = ""]) =>
        withDaemon(context, async (daemon) => {
          const { explainPast, questionFrom, tellCheck } = await import("./policy/explain.ts");
          if (name === "explain" && !IS_ACTION.test(given)) return explainPast(context.out, daemon, given);
          const allowed = tellCheck(context.out, await daemon.call("policy.check", questionFrom(given, options)));
          if (!allowed && name === "check") process.exitCode = 1;
        }),
      ),
    );
}

function addAdminTools(policy: Command): void {
  policy
    .command("test")
    .description("check an organisation folder's policies and run their unit tests (policies/tests/*.yaml), as signing does")
    .option("--dir <folder>", "the organisation folder", "org")
    .action(
      action<{ dir: string }>(async ({ out }, { dir }) => {
        const { testPolicies } = await import("./policy/test-policies.ts");
        if (!(await testPolicies(out, dir)))
          throw new GaggleError("INVALID_INPUT", "Tests of the policies fail; the lines above say which.");
      }),
    );
  policy
    .command("suggest")
    .description("draft policies for what was denied here lately, for an admin to read; nothing applies them")
    .option("--out <file>", "write the draft to a new file")
    .action(
      action<{ out?: string }>((context, options) =>
        withDaemon(context, async (daemon) => {
          const { suggest } = await import("./policy/suggest.ts");
          await suggest(context.out, daemon, options.out);
        }),
      ),
    );
  policy
    .command("shadow")
    .description("try another set of policies on what was really asked here since the daemon's start; nothing is changed")
    .argument("<folder>", "an organisation folder, or one with .cedar files")
    .action(
      action((context: CommandContext, _options, [dir = ""]) =>
        withDaemon(context, async (daemon) => {
          const { shadowPolicies } = await import("./policy/shadow.ts");
          await shadowPolicies(context.out, daemon, dir);
        }),
      ),
    );
}
