/** Runs one program in the foreground as if it were this process: same terminal, signals passed on, exit code kept. Works on Node 18. */
import { spawn } from "node:child_process";

/** @type {readonly NodeJS.Signals[]} */
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * @param {string} file
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<{code: number | null, signal: NodeJS.Signals | null}>} how it ended
 */
export const runChild = (file, args, options = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: "inherit", ...options });
    /** @param {NodeJS.Signals} signal */
    const passOn = (signal) => {
      // A terminal sends its interrupt to the child as well; a second one would mean "stop at once".
      if (signal !== "SIGINT" || process.stdin.isTTY !== true) child.kill(signal);
    };
    for (const signal of PASSED_ON) process.on(signal, passOn);
    const release = () => {
      for (const signal of PASSED_ON) process.off(signal, passOn);
    };
    child.once("error", (error) => {
      release();
      reject(error);
    });
    child.once("exit", (code, signal) => {
      release();
      resolve({ code, signal });
    });
  });

/**
 * Ends this process the way a child ended.
 * @param {{code: number | null, signal: NodeJS.Signals | null}} end
 */
export const endLike = ({ code, signal }) => {
  if (signal === null) process.exitCode = code ?? 1;
  else process.kill(process.pid, signal);
};
