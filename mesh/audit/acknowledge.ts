/** An auditor's or admin's word that an alarm was looked at: signed with their own key, so that nobody else can have closed it. Source: decision 0128. */
import { type AlarmAcknowledgement, alarmAcknowledgement } from "../contract/audit.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { parseAs, sha256Hex } from "../contract/json.ts";
import type { Signer } from "../contract/ports.ts";
import { signJws, verifyJws } from "../identity/jws.ts";

const TYP = "gaggle-acknowledgement+jws";

/** How an alarm is named to a person and in an acknowledgement: the same wherever it is listed. @param parts what tells it from all others */
export const alarmId = (...parts: readonly string[]): string => sha256Hex(parts.join("/")).slice(0, 12);

/** Signs one. @throws GaggleError INVALID_INPUT where the reason is missing, too long, or of more than one line */
export const signAcknowledgement = (said: AlarmAcknowledgement, signer: Signer): string =>
  signJws({ typ: TYP, payload: parseAs(alarmAcknowledgement, said, "The acknowledgement"), signer });

/** Checks one against the key of who brings it. @throws GaggleError CREDENTIAL_INVALID also for one of another organisation */
export function verifyAcknowledgement(jws: string, key: Ed25519Jwk, org: string): AlarmAcknowledgement {
  const said = alarmAcknowledgement.safeParse(verifyJws({ jws, typ: TYP, key }));
  if (said.success && said.data.org === org) return said.data;
  throw new GaggleError("CREDENTIAL_INVALID", "The acknowledgement is malformed or of another organisation.");
}
