/** The bearer token of the guard's gateway: whoever can read it is the same user. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "../contract/errors.ts";

/** What `--print` shows: the token itself would land in terminals and chats. */
const HIDDEN = "(the token in the agent's keys/gateway-token)";

/**
 * Reads the token, or makes it (32 random bytes, base64url) where there is none. Two programs that make it at once get the same one.
 * @param hide gives a stand-in text instead, and makes nothing
 */
export function readOrMakeGatewayToken(path: string, hide = false): string {
  if (hide) return HIDDEN;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, randomBytes(32).toString("base64url"), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
  return readFileSync(path, "utf8").trim();
}
