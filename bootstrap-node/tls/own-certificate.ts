/**
 * The bootstrap node's own certificate, for organisations that give it none: its key is made once and stays, so that the pin in invitations and links
 * stays true; the certificate around it is made anew at each start. docs/decisions/0107-tls-of-the-node.md
 */
import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { z } from "zod";
import type { Random } from "../../mesh/contract/ports.ts";
import { readSecretFile, writeSecretFile } from "../../mesh/identity/secret-file.ts";
import { writePrivateFile } from "../../mesh/store/private-file.ts";

const DAY_MS = 86_400_000;
/** Who pins the key doesn't look at the times; others refuse certificates that live longer. */
const LIFETIME_MS = 397 * DAY_MS;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

const keyFile = z.strictObject({ v: z.literal(1), pkcs8: z.string().max(1_000), spki: z.string().max(1_000) });

/** What the node serves HTTPS with. `pin`: SHA-256 of the key's SubjectPublicKeyInfo, base64url. */
export interface OwnCertificate {
  readonly key: string;
  readonly cert: string;
  readonly pin: string;
}

/**
 * The node's certificate for the names and addresses of this machine. Its pin is also written to `tls-pin` in the node's folder, where
 * `gaggle org invite` and `gaggle org link` find it.
 * @param config `dir`: the node's folder; `host`: the address that it listens on
 * @throws GaggleError CREDENTIAL_INVALID where others can read the key, KEYS_LOCKED
 */
export async function ensureOwnCertificate(
  deps: { clock: { now(): number }; random: Random },
  { dir, host }: { dir: string; host: string },
): Promise<OwnCertificate> {
  const keys = await ensureKey(join(dir, "keys", "tls.json"));
  const now = deps.clock.now();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialOf(deps.random),
    name: "CN=Gaggle bootstrap node",
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys: keys.pair,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(namesOf(host).map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }))),
    ],
  });
  const pin = createHash("sha256").update(keys.spki).digest("base64url");
  await writePrivateFile(join(dir, "tls-pin"), `${pin}\n`);
  return { key: pem("PRIVATE KEY", keys.pkcs8), cert: certificate.toString("pem"), pin };
}

interface KeyMaterial {
  readonly pair: webcrypto.CryptoKeyPair;
  readonly pkcs8: Buffer;
  readonly spki: Buffer;
}

async function ensureKey(path: string): Promise<KeyMaterial> {
  const stored = await readSecretFile(path, keyFile);
  const { subtle } = webcrypto;
  if (stored !== undefined) {
    const [pkcs8, spki] = [Buffer.from(stored.pkcs8, "base64"), Buffer.from(stored.spki, "base64")];
    const privateKey = await subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]);
    const publicKey = await subtle.importKey("spki", spki, ALGORITHM, true, ["verify"]);
    return { pair: { privateKey, publicKey }, pkcs8, spki };
  }
  const pair = await subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const pkcs8 = Buffer.from(await subtle.exportKey("pkcs8", pair.privateKey));
  const spki = Buffer.from(await subtle.exportKey("spki", pair.publicKey));
  await writeSecretFile(path, { v: 1, pkcs8: pkcs8.toString("base64"), spki: spki.toString("base64") });
  return { pair, pkcs8, spki };
}

/** RFC 5280: positive, at most 20 bytes. */
const serialOf = ({ bytes }: Random): string => `01${Buffer.from(bytes(15)).toString("hex")}`;

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${(der.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END ${label}-----\n`;

/** Under which the node can be reached: for people who look at the certificate; agents go by the pin. */
function namesOf(host: string): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => address);
  const wanted = [host, hostname(), "localhost", "127.0.0.1", "::1", ...addresses].map((name) => name.replace(/^\[|\]$/g, ""));
  const all = new Set(["0.0.0.0", "::"]);
  return [...new Set(wanted)].filter(
    (name) => name !== "" && !all.has(name) && !name.includes("%") && (isIP(name) !== 0 || /^[A-Za-z0-9.-]+$/.test(name)),
  );
}
