/** `gaggle sign-in`: signs in again, so that the membership goes on. */
import type { Command } from "commander";
import { commandClock, systemRandom } from "../../agent/system.ts";
import { action } from "../action.ts";
import { paint } from "../output.ts";

/** Options that joining by sign-in and signing in again share. */
export interface SignInOptions {
  readonly device?: boolean;
  readonly browser: boolean;
}

/** Adds the options to a command. */
export const withSignInOptions = (command: Command): Command =>
  command
    .option("--device", "sign in with a code, for machines without a browser")
    .option("--no-browser", "print the address instead of opening a browser");

/** Adds the command. */
export function addSignInCommand(program: Command): void {
  withSignInOptions(
    program.command("sign-in").description("sign in again with the organisation's identity provider, so that your membership goes on"),
  ).action(
    action<SignInOptions>(async ({ home, env, out }, { device = false, browser }) => {
      const { signInAgain } = await import("../../agent/sign-in-organisation.ts");
      const { leadPerson } = await import("./lead-person.ts");
      const deps = { clock: commandClock, random: systemRandom, fetch: globalThis.fetch, ...leadPerson(out, env, browser) };
      const signedIn = await signInAgain(deps, home, device);
      out.result(signedIn);
      out.line(`Signed in as ${paint.strong(signedIn.subject)}. It counts for ${signedIn.days} days.`);
    }),
  );
}
