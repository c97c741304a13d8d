/** `gaggle join`: with an invitation, or by signing in. */
import type { AgentConfig } from "../../agent/agent-config.ts";
import type { HomeChoice } from "../../agent/become-member.ts";
import { commandClock, systemRandom } from "../../agent/system.ts";
import { GaggleError } from "../../contract/errors.ts";
import { isJoinLink, parseJoinTarget } from "../../identity/join-link.ts";
import type { CommandContext } from "../context.ts";
import { leadPerson } from "./lead-person.ts";
import type { SignInOptions } from "./sign-in-command.ts";

/** How to join. */
export interface JoinWay extends SignInOptions {
  readonly signIn?: boolean;
  readonly root?: string;
  readonly pin?: string;
}

/** Joins. @param text the invitation, join link or address */
export async function join(
  { out, env }: Pick<CommandContext, "out" | "env">,
  text: string,
  choice: HomeChoice,
  way: JoinWay,
): Promise<AgentConfig> {
  const deps = { clock: commandClock, random: systemRandom, fetch: globalThis.fetch };
  if (way.signIn !== true) {
    if (way.device === true || way.root !== undefined || way.pin !== undefined)
      throw new GaggleError("INVALID_INPUT", "--device, --root and --pin go with --sign-in; an invitation needs none of them.");
    if (isJoinLink(text)) throw new GaggleError("INVALID_INPUT", "This link is for people who sign in: add --sign-in.");
    const { joinOrganisation } = await import("../../agent/join-organisation.ts");
    return joinOrganisation(deps, { ...choice, invitation: text });
  }
  const { joinBySignIn } = await import("../../agent/sign-in-organisation.ts");
  const beside = { ...(way.root === undefined ? {} : { root: way.root }), ...(way.pin === undefined ? {} : { pin: way.pin }) };
  const target = parseJoinTarget(text, beside);
  return joinBySignIn({ ...deps, ...leadPerson(out, env, way.browser) }, { ...choice, target, device: way.device ?? false });
}
