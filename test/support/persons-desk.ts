/** A member at their machine: their agent, their own Goose set up by `gaggle setup`, and a scripted model behind the guard. */
import { writeFileSync } from "node:fs";
import { afterAll } from "vitest";
import type { WorldAgent } from "./daemon-world.ts";
import { type GooseRoot, type GooseRun, gooseRoot } from "./real-goose.ts";
import { type OpenScriptedModel, openScriptedModel, type ScriptTurn } from "./scripted-model.ts";

/** Goose's configuration as the person had it before. */
export const OWN_CONFIG = `# My Goose.
GOOSE_PROVIDER: openai   # until the company has one
GOOSE_MODEL: gpt-4o
GOOSE_MODE: auto

extensions:
  # I take notes with it.
  notes: {enabled: false, type: builtin, name: memory, description: notes}
`;

/** A chat that is over. */
export interface Chat extends GooseRun {
  /** Results of the tool calls, in order, as the model got them. */
  readonly results: readonly string[];
}

/** The desk. */
export interface PersonsDesk {
  readonly agent: WorldAgent;
  readonly goose: GooseRoot;
  readonly model: OpenScriptedModel;
  /** Environment of the person's Goose. */
  readonly env: NodeJS.ProcessEnv;
  /** One `goose run -t …` in which the model takes these turns. */
  chat(script: readonly ScriptTurn[]): Promise<Chat>;
}

/** The id under a name in a tool's result, such as `taskId`. */
export function idIn(result: string | undefined, name: string): string {
  const found = new RegExp(`"${name}":"([^"]+)"`).exec(result?.replaceAll('\\"', '"') ?? "")?.[1];
  if (found === undefined) throw new Error(`The result names no ${name}: ${result}`);
  return found;
}

/** Sets a desk up by the commands that a person types. For `beforeAll`; the model ends with the file. */
export async function personsDesk(agent: WorldAgent): Promise<PersonsDesk> {
  const { gooseRoot: root } = agent.config;
  if (root === null) throw new Error(`${agent.subject} has no Goose of their own`);
  const model = await openScriptedModel();
  afterAll(() => model.close());
  const goose = gooseRoot(root);
  writeFileSync(goose.configFile, OWN_CONFIG);
  for (const args of [["model", "--url", `http://127.0.0.1:${model.port}/v1`, "--name", "m"], ["setup"]]) {
    const { code, stderr } = await agent.gaggle(args);
    if (code !== 0) throw new Error(`gaggle ${args.join(" ")} failed: ${stderr}`);
  }
  const env = { TMPDIR: process.env["TMPDIR"], GAGGLE_LOG: "debug" };
  const chat: PersonsDesk["chat"] = async (script) => {
    model.play(script);
    const run = await goose.run(["run", "-q", "-t", "Go.", "--no-session", "--max-turns", "12"], env);
    return { ...run, results: model.results() };
  };
  return { agent, goose, model, env, chat };
}
