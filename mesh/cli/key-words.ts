/** What protects the keys on this disk, in words for a person: said plainly, also what it does not protect against. */
import type { Protection } from "../identity/at-rest/key-sources.ts";
import { type Output, paint } from "./output.ts";

/** How keys are kept. */
export const PROTECTION_WORDS: Readonly<Record<Protection, string>> = {
  keychain: "The keys are encrypted; the system's keychain opens them while you are logged in.",
  passphrase: "The keys are encrypted under a passphrase.",
  machine: "The keys are encrypted under a file of this machine, since no keychain answers here.",
  none: "The keys lie on this disk unencrypted, readable by your user alone.",
};

/** What remains, where it is worth a warning. */
export const PROTECTION_GAPS: Readonly<Partial<Record<Protection, string>>> = {
  machine:
    "Whoever copies this folder alone gets nothing; whoever can read your whole home folder or run programs as you gets the keys. Better: gaggle keys protect --with keychain, or passphrase.",
  none: "Whoever can read this folder, or a backup of it, has the keys. Better: gaggle keys protect --with keychain, passphrase or machine.",
};

/** Says it once, where keys are made. */
export function tellProtection(out: Output, by: Protection): void {
  const gap = PROTECTION_GAPS[by];
  out.line(PROTECTION_WORDS[by]);
  if (gap !== undefined) out.line(paint.warn(gap));
}
