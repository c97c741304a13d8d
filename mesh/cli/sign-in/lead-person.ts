/** How `gaggle join --sign-in` and `gaggle sign-in` lead a person: what to open, what to type. */
import { spawn } from "node:child_process";
import type { Env } from "../../client/home.ts";
import type { SignInDeps } from "../../agent/sign-in-organisation.ts";
import { type Output, paint } from "../output.ts";

/** Shows the provider's page in a browser where there is one, and always prints its address; prints the device code. */
export const leadPerson = (out: Output, env: Env, browser: boolean): Pick<SignInDeps, "showPage" | "showCode"> => ({
  showPage(url) {
    const opened = browser && openBrowser(url, env);
    out.line(
      opened
        ? "Sign in, in the browser that opens. If none does, open this address on this machine:"
        : "Sign in: open this address on this machine:",
    );
    out.line(url);
  },
  showCode({ url, completeUrl, code }) {
    out.line(`Sign in, on any machine: open ${paint.strong(url)} and type ${paint.strong(code)}`);
    if (completeUrl !== undefined) out.line(`or open ${completeUrl} and compare the code.`);
    out.line("Never type a code there that somebody else sends you: it would let their machine in under your name.");
  },
});

/** Opens the person's browser. @returns false where this machine has none that we could open */
function openBrowser(url: string, env: Env): boolean {
  const [program, args] = openerOf(url, env);
  if (program === undefined) return false;
  // No shell: the address is the provider's text.
  const child = spawn(program, args, { stdio: "ignore", detached: true });
  child.once("error", () => undefined);
  child.unref();
  return true;
}

function openerOf(url: string, env: Env): [string | undefined, string[]] {
  if (process.platform === "darwin") return ["open", [url]];
  if (process.platform === "win32") return ["rundll32", ["url.dll,FileProtocolHandler", url]];
  const desktop = (env["DISPLAY"] ?? "") !== "" || (env["WAYLAND_DISPLAY"] ?? "") !== "";
  return [desktop ? "xdg-open" : undefined, [url]];
}
