/**
 * Seals envelopes to all devices of a person: JWE in general JSON serialization (RFC 7516), ECDH-ES+A256KW to X25519 keys (RFC 7518, RFC 8037) and
 * A256GCM, by `jose`. The content is padded to a size class first.
 */
import { GeneralEncrypt, generalDecrypt } from "jose";
import { GaggleError } from "../contract/errors.ts";
import { parseJson } from "../contract/json.ts";
import { MAX_MAIL_BYTES } from "../contract/limits.ts";
import { type MailContent, mailContent, mailSizeOf, type SealedMail, sealedMail } from "../contract/mailbox.ts";
import type { X25519Jwk, X25519PrivateJwk } from "../identity/keys.ts";

const ALG = "ECDH-ES+A256KW";
const ENC = "A256GCM";
const TYP = "gaggle-mail+jwe";

/** The content as text of exactly a size class. @throws GaggleError TOO_LARGE */
function padded(envelopes: MailContent["envelopes"]): string {
  const content: MailContent = { v: 1, envelopes, pad: "" };
  const bytes = Buffer.byteLength(JSON.stringify(content));
  const size = mailSizeOf(bytes);
  if (size > MAX_MAIL_BYTES) {
    const details = { bytes, maxBytes: MAX_MAIL_BYTES };
    throw new GaggleError("TOO_LARGE", "The message is too large for the mailbox; it waits until its recipient is there.", { details });
  }
  return JSON.stringify({ ...content, pad: " ".repeat(size - bytes) } satisfies MailContent);
}

/**
 * Seals envelopes.
 * @param keys public keys of the devices, in the order of the deposit's recipients
 * @throws GaggleError TOO_LARGE
 */
export async function sealMail(envelopes: MailContent["envelopes"], keys: readonly X25519Jwk[]): Promise<SealedMail> {
  const jwe = new GeneralEncrypt(Buffer.from(padded(envelopes))).setProtectedHeader({ alg: ALG, enc: ENC, typ: TYP });
  for (const { kty, crv, x } of keys) jwe.addRecipient({ kty, crv, x });
  return sealedMail.parse(await jwe.encrypt());
}

/** Opens mail with a device's own key. @returns undefined for anything but well-formed mail that was sealed to it */
export async function openMail(sealed: SealedMail, key: X25519PrivateJwk): Promise<MailContent | undefined> {
  try {
    const recipients = sealed.recipients.map(({ encrypted_key, header }) => ({
      encrypted_key,
      ...(header === undefined ? {} : { header }),
    }));
    const options = { keyManagementAlgorithms: [ALG], contentEncryptionAlgorithms: [ENC] };
    const { plaintext, protectedHeader } = await generalDecrypt({ ...sealed, recipients }, { ...key }, options);
    return protectedHeader?.typ === TYP ? mailContent.parse(parseJson(Buffer.from(plaintext).toString("utf8"), "The mail")) : undefined;
  } catch {
    // Without the cause: a parser's message may quote what was sealed.
    return undefined;
  }
}
