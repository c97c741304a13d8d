/** What the README and docs/configuration.md list is all that there is: commands, tools, variables, keys. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import type { DaemonLink } from "../../extensions/daemon-link.ts";
import { meshTools } from "../../extensions/mesh/mesh-tools.ts";
import { policyTools } from "../../extensions/policy/policy-tools.ts";
import { guardTools } from "../../extensions/privacy-guard/guard-tools.ts";
import { agentConfig } from "../../mesh/agent/agent-config.ts";
import { addAdminCommands } from "../../mesh/cli/admin-commands.ts";
import { addGuardCommands } from "../../mesh/cli/guard-commands.ts";
import { addMemberCommands } from "../../mesh/cli/member-commands.ts";
import { addPolicyCommands } from "../../mesh/cli/policy-commands.ts";
import { addSessionCommands } from "../../mesh/cli/session-commands.ts";
import { addWorkCommands } from "../../mesh/cli/work-commands.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const readme = read("README.md");
const configuration = read("docs/configuration.md");

/** The part of a text between a heading and the next one. */
const section = (text: string, heading: string): string => text.slice(text.indexOf(heading) + heading.length).split(/^#+ /m)[0] ?? "";
/** The words in code spans. */
const spans = (text: string): Set<string> => new Set([...text.matchAll(/`([^`]+)`/g)].flatMap(([, code = ""]) => code.split(/\s+/)));

describe("the README", () => {
  it("names every command, and those of commands", () => {
    const program = new Command("gaggle");
    for (const add of [addMemberCommands, addWorkCommands, addSessionCommands, addPolicyCommands, addGuardCommands, addAdminCommands])
      add(program);
    const visible = (of: Command) =>
      of
        .createHelp()
        .visibleCommands(of)
        .filter((one) => one.name() !== "help");
    const commands = visible(program).flatMap((one) => [one, ...visible(one)].map((command) => command.name()));
    expect(commands.length).toBeGreaterThan(60);
    const named = spans(section(readme, "### Commands"));
    expect(commands.filter((name) => !named.has(name))).toEqual([]);
  });

  it("names every tool that Goose gets, and no other", () => {
    const nobody = { call: () => Promise.reject(new Error("nobody")), close: () => undefined } as unknown as DaemonLink;
    const tools = [...meshTools(nobody), ...guardTools(nobody), ...policyTools(nobody)].map(({ definition }) => definition.name);
    const named = spans(section(readme, "### What Goose can do then"));
    for (const server of ["mesh", "privacy-guard", "policy"]) named.delete(server);
    expect(named).toEqual(new Set(tools));
  });
});

describe("docs/configuration.md", () => {
  it("names every variable of Gaggle's own that the programs read", () => {
    const sources = ["mesh", "guard", "bootstrap-node", "extensions"].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".ts"))
        .map((path) => read(join(folder, path))),
    );
    const variables = new Set(sources.flatMap((text) => text.match(/\bGAGGLE_[A-Z_]+\b/g) ?? []));
    expect(variables.size).toBeGreaterThan(6);
    // What Gaggle sets for its own children, and what marks the demo's files.
    for (const own of ["GAGGLE_RUN_ID", "GAGGLE_DEMO", "GAGGLE_DEMO_MODEL_KEY"]) variables.delete(own);
    const named = spans(configuration);
    expect([...variables].filter((name) => !named.has(name))).toEqual([]);
  });

  it("names every key of config.json that is anybody's to choose", () => {
    const given = ["v", "org", "subject", "role", "department", "agentId", "bootstrapUrl", "rootFingerprint", "bootstrapPeers"];
    const chosen = Object.keys(agentConfig.shape).filter((key) => !given.includes(key));
    expect(chosen.length).toBeGreaterThan(6);
    expect(chosen.filter((key) => !configuration.includes(`\`config.json\`: \`${key}\``))).toEqual([]);
  });
});
