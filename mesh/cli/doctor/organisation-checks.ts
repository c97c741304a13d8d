/** Checks of what ties this agent to its organisation: bundle, bootstrap node, clock. */
import { readFile } from "node:fs/promises";
import { type AgentConfig, homePaths } from "../../agent/agent-config.ts";
import { bootstrapFetch } from "../../agent/pinned-fetch.ts";
import { GaggleError } from "../../contract/errors.ts";
import { CLOCK_LEEWAY_MS, CREDENTIAL_LIFETIME_MS } from "../../contract/limits.ts";
import { checkPinned } from "../../identity/membership.ts";
import { unverifiedPayloadOf } from "../../identity/jws.ts";
import { openBundleStore } from "../../../profiles/bundle/bundle-store.ts";
import { duration } from "../output.ts";
import { type Check, fail, ok, warn } from "./check.ts";

const BOOTSTRAP_TIMEOUT_MS = 5_000;
/** A bundle with less time left than this should have been replaced by now. */
const BUNDLE_WARN_MS = 3 * 86_400_000;

/**
 * The signed profile bundle that is in force.
 * @param refused why the daemon has refused a newer one, where it has
 * @throws GaggleError also AGENT_NOT_PINNED: colleagues then believe nothing that this agent says
 */
export async function checkBundle(home: string, config: AgentConfig, now: () => number, refused?: string): Promise<Check> {
  const { org, role, subject, agentId, rootFingerprint } = config;
  const store = await openBundleStore({ clock: { now } }, { dir: homePaths(home).bundle, org, role, subject, rootFingerprint });
  const { version, issuedAt, expiresAt, roster } = store.current().manifest;
  checkPinned({ sub: subject, agent: agentId }, roster);
  const left = Date.parse(expiresAt) - now();
  const message = `Version ${version}, ${duration(now() - Date.parse(issuedAt))} old, expires in ${duration(left)}`;
  if (refused !== undefined)
    return warn("bundle", `${message}. A newer one was refused.`, `${refused} What was revoked in it is not known here.`);
  if (left < BUNDLE_WARN_MS) return warn("bundle", message, "Ask your admin to sign a new one (gaggle org sign) before it expires.");
  return ok("bundle", message);
}

/** What the bootstrap node says of a member whom it refuses, and what to do. */
const REFUSED: Readonly<Record<string, readonly [message: string, fix: string]>> = {
  REVOKED: ["You or this machine's key have been revoked: colleagues believe this agent no more.", "Ask your admin for a new invitation."],
  NOT_A_MEMBER: [
    "The bootstrap node does not know this member: the org chart has you no more, or the node came back from an older backup.",
    "Ask your admin for a new invitation.",
  ],
  SIGN_IN_NEEDED: ["Your sign-in has ended, so your membership is not renewed.", "Run: gaggle sign-in"],
};

/**
 * The membership credential, and whether the sign-in that it rests on is about to end.
 * @param refused the code with which the bootstrap node refuses this member, where the daemon knows of one
 */
export async function checkMembership(home: string, now: () => number, refused?: string): Promise<Check> {
  const [why, remedy] = REFUSED[refused ?? ""] ?? [];
  if (why !== undefined && remedy !== undefined) return fail("membership", why, remedy);
  const { iat, exp } = unverifiedPayloadOf(await readFile(homePaths(home).credential, "utf8")) as { iat: number; exp: number };
  const left = exp * 1000 - now();
  // Only the end of a sign-in makes a credential shorter than all others.
  const bySignIn = (exp - iat) * 1000 < CREDENTIAL_LIFETIME_MS;
  const fix = bySignIn ? "Run: gaggle sign-in" : "Run the daemon (gaggle agent) while the bootstrap node can be reached: it renews it.";
  if (left <= 0) return fail("membership", "It has expired: colleagues don't believe this agent.", fix);
  const message = `Good for ${duration(left)}`;
  return bySignIn ? warn("membership", `${message}, then your sign-in ends`, fix) : ok("membership", message);
}

/** Whether the bootstrap node answers, and how far its clock and ours are apart. */
export async function checkBootstrap({ bootstrapUrl, bootstrapPin }: AgentConfig, now: () => number): Promise<readonly Check[]> {
  const host = new URL(bootstrapUrl).host;
  const asked = now();
  let response: Response;
  try {
    const pinned = bootstrapFetch(globalThis.fetch, bootstrapPin);
    response = await pinned(bootstrapUrl, { method: "HEAD", redirect: "manual", signal: AbortSignal.timeout(BOOTSTRAP_TIMEOUT_MS) });
  } catch (error) {
    if (error instanceof GaggleError)
      return [fail("bootstrap", error.message, "Tell your admin."), warn("clock", "Could not be compared.", "See bootstrap.")];
    // The mesh goes on without it, so this is no failure.
    const fix = "Check your network and, with your admin, whether the bootstrap node runs. Work with known colleagues goes on meanwhile.";
    return [
      warn("bootstrap", `The bootstrap node at ${host} does not answer.`, fix),
      warn("clock", "Could not be compared.", "See bootstrap."),
    ];
  }
  return [ok("bootstrap", `${host} answers`), checkClock(response.headers.get("date"), (asked + now()) / 2)];
}

/** Compares our clock with a Date header, which has whole seconds. */
export function checkClock(header: string | null, nowMs: number): Check {
  const theirs = Date.parse(header ?? "");
  if (Number.isNaN(theirs))
    return warn("clock", "The bootstrap node tells no time.", "Check that the bootstrap URL is right: gaggle status");
  const apart = Math.max(0, Math.abs(nowMs - theirs - 500) - 500);
  const message = `${duration(apart)} apart from the bootstrap node`;
  if (apart > CLOCK_LEEWAY_MS)
    return fail("clock", message, "Set this machine's clock (turn on automatic time): others refuse what you sign.");
  if (apart > CLOCK_LEEWAY_MS / 4) return warn("clock", message, "Set this machine's clock: turn on automatic time.");
  return ok("clock", message);
}
