/** Reads what an approver signed, for showing it; whether the signature holds was checked when it came. */
import { z } from "zod";

const statement = z.looseObject({ reason: z.string() });

/** The reason in a signed decision (compact JWS); empty where there is none, or the text is no such thing. */
export function signedReason(signature: string): string {
  const payload = Buffer.from(signature.split(".")[1] ?? "", "base64url").toString("utf8");
  try {
    return statement.safeParse(JSON.parse(payload)).data?.reason ?? "";
  } catch {
    return "";
  }
}
