/** An MCP server on stdio for a list of tools: a thin adapter over the MCP SDK. stdout carries JSON-RPC alone. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema, type Tool as ToolListing } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { RUN_MARKER } from "../mesh/contract/goose-session.ts";
import type { Authorise } from "./authorise.ts";
import { callTool } from "./call-tool.ts";
import type { Tool } from "./define-tool.ts";

/** What ends is given this long; a daemon that hangs must not keep an extension alive after its chat. */
const EXIT_GRACE_MS = 1_000;

/** An MCP server to be. */
export interface ToolServerConfig {
  readonly name: string;
  readonly version: string;
  /** Told to the model once: what the tools are for as a whole. */
  readonly instructions?: string;
  /** The tools, or how to load them: what is loaded after `initialize` was answered does not slow the start of a chat. */
  readonly tools: readonly Tool[] | (() => Promise<readonly Tool[]>);
  /** Asked before each call. */
  readonly authorise: Authorise;
  /** Called once when Goose has closed our stdin. */
  readonly onEnd?: () => void;
}

const jsonSchema = (schema: z.ZodObject, io: "input" | "output"): ToolListing["inputSchema"] => {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { io });
  // The schema of an object has type "object"; zod's own type does not say so.
  return rest as ToolListing["inputSchema"];
};

const listing = ({ definition }: Tool): ToolListing => ({
  name: definition.name,
  title: definition.title,
  description: definition.description,
  inputSchema: jsonSchema(definition.input, "input"),
  outputSchema: jsonSchema(definition.output, "output"),
  annotations: {
    title: definition.title,
    readOnlyHint: definition.readOnly,
    destructiveHint: definition.destructive ?? false,
    idempotentHint: true,
    openWorldHint: false,
  },
});

/**
 * Serves the tools until stdin closes. `server/discover` and every other unknown method is answered −32601.
 * @param stdin,stdout for tests; the process's own by default
 */
export async function serveTools(config: ToolServerConfig, stdin = process.stdin, stdout = process.stdout): Promise<void> {
  const server = new Server(
    { name: config.name, version: config.version },
    { capabilities: { tools: {} }, ...(config.instructions === undefined ? {} : { instructions: config.instructions }) },
  );
  const context = { authorise: config.authorise, isRun: process.env[RUN_MARKER] !== undefined };
  let loading: Promise<readonly Tool[]> | undefined;
  const load = (): Promise<readonly Tool[]> => {
    loading ??= Promise.resolve(typeof config.tools === "function" ? config.tools() : config.tools);
    return loading;
  };
  server.setRequestHandler(ListToolsRequestSchema, async () => ({ tools: (await load()).map(listing) }));
  server.setRequestHandler(CallToolRequestSchema, async (request, extra) => callTool(await load(), request.params, context, extra.signal));
  stdin.once("end", () => {
    setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();
    config.onEnd?.();
    void server.close();
  });
  // Goose was killed: nobody reads any more.
  stdout.once("error", () => process.exit());
  await server.connect(new StdioServerTransport(stdin, stdout));
}
