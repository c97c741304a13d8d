/** Addresses of coins, and the keys and words that open a wallet (those are secrets). */
import { isBase58Check, isBech32 } from "./base58.ts";
import { type Rule, whole } from "../rule.ts";

const START = String.raw`(?<![\p{L}\p{N}_])`;
const END = String.raw`(?![\p{L}\p{N}_])`;
const BASE58 = "[1-9A-HJ-NP-Za-km-z]";

const address = (detector: string, source: string, valid: (text: string) => boolean, starts: Rule["starts"]): Rule => ({
  label: "CRYPTO",
  detector: `rule:${detector}`,
  score: 0.96,
  pattern: new RegExp(`${START}${source}${END}`, "gu"),
  starts: starts ?? {},
  accept: (match) => (valid(match[0]) ? whole(match) : undefined),
});

/** Solana and others have no check sum: 32 bytes in Base58. */
const NAMED = /wallet|\bbtc\b|bitcoin|crypto|\beth(?:ereum)?\b|solana|\bsol\b|\bxrp\b|ripple|monero|\bxmr\b|cardano|coin/;

/** Rules for coin addresses. */
export const CRYPTO_RULES: readonly Rule[] = [
  address("bitcoin", `[13]${BASE58}{25,34}`, isBase58Check, { figures: 1 }),
  address("base58-coin", `[LMDXTA]${BASE58}{25,34}`, isBase58Check, { texts: ["L", "M", "D", "X", "T", "A"] }),
  address("bech32-coin", `(?:bc|BC|tb|TB|ltc|LTC)1[02-9ac-hj-np-zAC-HJ-NP-Z]{11,100}`, isBech32, {
    texts: ["bc1", "BC1", "tb1", "TB1", "ltc1", "LTC1"],
  }),
  address("cardano", `addr1[02-9ac-hj-np-z]{50,110}`, isBech32, { texts: ["addr1"] }),
  address("ethereum", `0x[0-9a-fA-F]{40}`, () => true, { texts: ["0x"] }),
  {
    ...address(
      "named-wallet",
      `(?:r${BASE58}{24,34}|${BASE58}{32,44}|[48]${BASE58}{94,105})`,
      (text) => /\d/.test(text) && /[A-Z]/.test(text) && /[a-z]/.test(text),
      {
        figures: 1,
        mixed: true,
      },
    ),
    score: 0.8,
    context: NAMED,
  },
];

/** Rules for what opens a wallet. */
export const WALLET_SECRET_RULES: readonly Rule[] = [
  {
    ...address("wallet-key", `[5KLxyz]${BASE58}{50,111}`, isBase58Check, { texts: ["5", "K", "L", "xprv", "yprv", "zprv"] }),
    label: "SECRET",
  },
  {
    label: "SECRET",
    detector: "rule:seed-phrase",
    score: 0.96,
    pattern:
      /(?:seed(?: ?phrase)?|mnemonic(?: phrase)?|recovery phrase|seed words)["']?\s{0,3}(?:is|:|=|=>)\s{0,3}["']?((?:[a-z]{3,8}[ \t]{1,2}){11,23}[a-z]{3,8})(?![a-z])/gi,
    starts: { texts: ["seed", "Seed", "SEED", "mnemonic", "Mnemonic", "MNEMONIC", "recovery", "Recovery"] },
    accept: (match) => [match[0].length - (match[1] ?? "").length, match[0].length],
  },
];
