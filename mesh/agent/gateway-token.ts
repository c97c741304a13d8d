/** The bearer token of the guard's gateway: whoever can read it is the same user. */
import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
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
  if (!existsSync(path)) makeToken(path);
  return readFileSync(path, "utf8").trim();
}

/** Whole or not at all: whoever looked at a file that is only being written would take an empty token. */
function makeToken(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(8).toString("hex")}`;
  writeFileSync(temporary, randomBytes(32).toString("base64url"), { mode: 0o600, flag: "wx" });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  } finally {
    unlinkSync(temporary);
  }
}
