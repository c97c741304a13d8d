/**
 * A small MCP server for tests of unattended runs, started by Goose: `node probe-extension.ts FOLDER`.
 * `note` writes a file, `environment` the names of its environment variables, `hang` starts a child process and never answers.
 */
import { spawn } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const folder = process.argv[2];
if (folder === undefined) throw new Error("Start it as: node probe-extension.ts FOLDER");

const server = new McpServer({ name: "probe", version: "1.0.0" });
const said = (text: string) => ({ content: [{ type: "text" as const, text }] });

server.registerTool("note", { description: "Writes a note", inputSchema: { text: z.string() } }, ({ text }) => {
  appendFileSync(join(folder, "notes"), `${text}\n`);
  return said(JSON.stringify({ noted: text }));
});
server.registerTool("environment", { description: "Writes the environment to a file", inputSchema: {} }, () => {
  writeFileSync(join(folder, "environment.json"), JSON.stringify(process.env));
  return said(JSON.stringify({ written: true }));
});
server.registerTool("hang", { description: "Never answers", inputSchema: {} }, async () => {
  // A child in a session of its own that ignores its parent's end: what killing a process group would miss.
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
  writeFileSync(join(folder, "pids.json"), JSON.stringify([process.ppid, process.pid, child.pid]));
  await new Promise<never>(() => undefined);
  return said("never");
});
await server.connect(new StdioServerTransport());
