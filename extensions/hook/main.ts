/** The program that Goose runs for hooks: payload on stdin; exit code 2 and a reason deny. No MCP in it: it runs before every tool call. */
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { connectDaemon } from "../../mesh/client/connect-daemon.ts";
import { RUN_MARKER } from "../../mesh/contract/goose-session.ts";
import { gaggleHome } from "../../mesh/client/home.ts";
import { installFolder } from "../../mesh/client/install-folder.ts";
import { decideHook } from "./decide-hook.ts";

/** Goose gives a hook 20 s; it should show our reason, and not that the hook took too long. */
const START_MS = 15_000;

const { values } = parseArgs({ options: { home: { type: "string" } } });
const outcome = await decideHook(await text(process.stdin), {
  isRun: process.env[RUN_MARKER] !== undefined,
  connect: ({ start }) => {
    const autoStart = { node: process.execPath, entry: join(installFolder(import.meta.url), "bin", "gaggle.js"), env: process.env };
    return connectDaemon({
      home: values.home ?? gaggleHome(process.env),
      program: "hook",
      ...(start ? { autoStart, timeoutMs: START_MS } : {}),
    });
  },
});
process.exitCode = outcome.exitCode;
if (outcome.exitCode !== 0) process.stderr.write(`${outcome.reason}\n`);
