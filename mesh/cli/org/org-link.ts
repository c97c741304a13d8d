/** `gaggle org link`: the address to give to people who join by signing in. */
import { createJoinLink } from "../../identity/join-link.ts";
import type { Output } from "../output.ts";
import { readOrg } from "./org-folder.ts";
import { nodePin } from "./node-pin.ts";

/** Options of `gaggle org link`. */
export interface OrgLinkOptions {
  readonly dir: string;
  /** Base URL of the bootstrap node, as people's machines reach it. */
  readonly url: string;
  /** Pin of the node's TLS key; false for none, left out for the one that the node left in its folder. */
  readonly pin?: string | false;
}

/**
 * Makes the link. Nothing in it is secret: it says where the node is and whom to trust, so it must come on a way that nobody can change.
 * @throws GaggleError NOT_FOUND where the folder holds no organisation, INVITATION_INVALID for a bad URL, INVALID_INPUT for a bad pin
 */
export async function orgLink(options: OrgLinkOptions, out: Output): Promise<string> {
  const { org, rootFingerprint } = await readOrg(options.dir);
  const pin = await nodePin(options);
  const link = createJoinLink({ baseUrl: options.url, org, rootFingerprint, ...(pin === undefined ? {} : { tlsPin: pin }) });
  out.result({ link, org, rootFingerprint, ...(pin === undefined ? {} : { tlsPin: pin }) });
  out.line("For everybody who may sign in. Put it where nobody can change it, such as your intranet:");
  out.line(link);
  out.line("They run: gaggle join <link> --sign-in");
  return link;
}
